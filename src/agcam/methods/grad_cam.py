"""Grad-CAM on the last attention, the baseline of Chefer, Gur and Wolf (CVPR 2021)."""

from __future__ import annotations

from typing import Final

from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace

HEAD: Final = 1
ROW: Final = 2
TOKEN: Final = 3


def grad_cam(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`relu(mean over heads of w * A)`, `w = mean over patches of dy/dA`; last block, read rows.

    Grad-CAM (Selvaraju et al., ICCV 2017) with the heads of the last attention as its channels:
    the class token's row, the patches' columns, one weight a head. Beyond the baseline, ours:
    where several tokens are read, weights and maps are means over their rows. Equal to the
    baseline's program (github.com/hila-chefer/Transformer-Explainability at c3e578f) before it
    normalizes.
    """
    block, patches = trace.blocks[-1], trace.grid.places
    rows = trace.reads[:, None, :, None].to(block.attention)
    attention = (rows * block.attention[..., patches]).sum(ROW, keepdim=True)
    gradients = (rows * block.gradients[..., patches]).sum(ROW, keepdim=True)
    weights = gradients.mean(TOKEN, keepdim=True)
    return (weights * attention).mean((HEAD, ROW)).relu()
