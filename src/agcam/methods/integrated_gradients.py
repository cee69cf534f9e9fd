"""Integrated gradients (Sundararajan, Taly and Yan, ICML 2017)."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import Grid, Query
from .input_space import captum, patch_sum

STEPS: Final = 50


def integrated_gradients(query: Query) -> Float[Tensor, "batch patch"]:
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
            n_steps=STEPS,
            internal_batch_size=query.chunk,
            additional_forward_args=target,
        )
        for picture, target in query.parts(1)
    ]
    return patch_sum(torch.cat(flows).sum(1), query.grid)


def pictures_per_target(grid: Grid) -> int:
    """One picture a step of the path."""
    del grid
    return STEPS
