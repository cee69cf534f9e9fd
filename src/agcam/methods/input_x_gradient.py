"""Input times gradient (Shrikumar, Greenside, Shcherbina and Kundaje, 2016)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..values import Method, Query
from ..values.needs import BlackBox
from .input_space import CHECKED, attributed, captum, over_channels, patch_sum


def input_x_gradient(query: Query) -> Float[Tensor, "batch patch"]:
    """`sum over channels of x * dy/dx`, signed, summed over the pixels of each patch.

    x is the prepared picture, y the target logit; by captum. At the pixels, as the method was
    published: tokens of the first block also hold position embeddings and the bias of the patch
    embedding, which are not the picture, so that their products are not these sums. A pixel of the
    mean colour (0 after normalization) has none.
    """
    every = attributed(captum("input_x_gradient").InputXGradient(query.logit), query)
    return patch_sum(over_channels(every), query.grid)


METHOD = Method(
    "input_x_gradient",
    input_x_gradient,
    BlackBox(count=1, gradients=True),
    "Shrikumar, Greenside, Shcherbina and Kundaje, Not Just a Black Box, arXiv 1605.01713; "
    "computed by captum",
    checked=CHECKED,
)
