"""Integrated gradients (Sundararajan, Taly and Yan, ICML 2017)."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import Method, Option, Query
from ..values.needs import BlackBox
from .input_space import CHECKED, captum, over_channels, patch_sum

STEPS: Final = 50
OPTIONS = (Option("steps", STEPS, 1, 1000, "pictures", "steps of the quadrature", sets="count"),)


def integrated_gradients(query: Query, *, steps: int = STEPS) -> Float[Tensor, "batch patch"]:
    """`x * integral from 0 to 1 of dy/dx(a x) da` (eq. 1, baseline 0), summed over each patch.

    Signed, over the three channels and all pixels of a patch, so that the relevance of all patches
    adds up to y(x) - y(0) (completeness) as far as 50 steps of Gauss-Legendre quadrature, by
    captum, can tell. The baseline is 0 of the normalized picture, its mean colour; the paper takes
    a black picture, which a prepared tensor does not know.
    """
    path = captum("integrated_gradients").IntegratedGradients(query.logit)
    flows = [
        path.attribute(
            picture,
            n_steps=steps,
            internal_batch_size=query.chunk,
            additional_forward_args=target,
        )
        for picture, target in query.parts(1)
    ]
    return patch_sum(over_channels(torch.cat(flows)), query.grid)


METHOD = Method(
    "integrated_gradients",
    integrated_gradients,
    BlackBox(count=STEPS, gradients=True),
    "Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, ICML 2017, "
    "arXiv 1703.01365; computed by captum",
    checked=CHECKED,
    options=OPTIONS,
)
