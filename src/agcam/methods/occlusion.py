"""Occlusion: hide one patch at a time (Zeiler and Fergus, ECCV 2014)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import Grid, Query
from .input_space import captum, cells, patch_mean


def occlusion(query: Query) -> Float[Tensor, "batch patch"]:
    """`y(x) - y(x with the patch hidden)`: how much the target logit falls; signed.

    Hidden is every pixel of one patch, once, set to 0 of the normalized picture (its mean colour).
    The paper slides a grey square and plots the class's probability; the logit does not saturate,
    and it is what the other methods explain. Computed by captum, as the ablation of one feature a
    patch: its Occlusion with window and stride of a patch, also where patches are not all equal.
    Of a thing that covers many patches most stays seen when one is hidden: it may be low there.
    """
    attr = captum("occlusion")
    ablation = attr.FeatureAblation(query.logit)
    mask = cells(query)[None, None]
    drops = [
        ablation.attribute(
            picture,
            additional_forward_args=target,
            feature_mask=mask,
            perturbations_per_eval=query.chunk,
        )
        for picture, target in query.parts(1)
    ]
    return patch_mean(torch.cat(drops)[:, 0], query.grid)


def pictures_per_target(grid: Grid) -> int:
    """Each patch hidden once, and the whole picture."""
    return grid.patches + 1
