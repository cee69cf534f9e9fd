"""Saliency: the gradient at the picture (Simonyan, Vedaldi and Zisserman, ICLR workshop 2014)."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import Method, Query
from ..values.needs import BlackBox
from .input_space import CHECKED, attributed, captum, patch_sum


def saliency(query: Query) -> Float[Tensor, "batch patch"]:
    """`max over channels of |dy/dx|` (section 3), summed over the pixels of each patch.

    The gradient of the target logit at the prepared picture, absolute, by captum.
    """
    every = attributed(captum("saliency").Saliency(query.logit), query)
    largest = reduce(every, "batch channel ... -> batch ...", "max")
    return patch_sum(largest, query.grid)


METHOD = Method(
    "saliency",
    saliency,
    BlackBox(count=1, gradients=True),
    "Simonyan, Vedaldi and Zisserman, Deep Inside Convolutional Networks, ICLR workshop "
    "2014, arXiv 1312.6034; computed by captum",
    checked=CHECKED,
)
