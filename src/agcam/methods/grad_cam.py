"""Grad-CAM on the last attention, the baseline of Chefer, Gur and Wolf (CVPR 2021)."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace, Method, Places
from ..values.needs import Graph
from ..values.places import shared_out


def grad_cam(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`relu(mean over heads of w * A)`, `w = mean over patches of dy/dA`; last block, read rows.

    Grad-CAM (Selvaraju et al., ICCV 2017) with the heads of the last attention as its channels:
    the class token's row, the patches' columns, one weight per head. Beyond the baseline, ours:
    where several tokens are read, weights and maps are means over their rows. Equal to the
    baseline's program (github.com/hila-chefer/Transformer-Explainability at c3e578f) before it
    normalizes. Where the last attention is in windows, ours: weights are means over all of them.
    """
    block = trace.blocks[-1]
    reads = trace.reads[:, None, :, None].to(block.attention)
    attention, gradients = (
        reduce(reads * matrix, "item head row token -> item head token", "sum")
        for matrix in (block.attention, block.gradients)
    )
    if trace.places:
        return _on_grid(trace.places[-1], attention, gradients)
    patches = trace.grid.places
    return _weighted(attention[..., patches], gradients[..., patches])


def _weighted(attention: Tensor, gradients: Tensor) -> Float[Tensor, "batch patch"]:
    weights = reduce(gradients, "batch head patch -> batch head 1", "mean")
    return reduce(weights * attention, "batch head patch -> batch patch", "mean").relu()


def _on_grid(places: Places, attention: Tensor, gradients: Tensor) -> Tensor:
    """The same over the keys of all windows of a picture, those that lie somewhere."""
    keys, axes = zip(
        *(places.together(places.by_picture(one).mT) for one in (attention, gradients)), strict=True
    )
    return shared_out(axes[0], _weighted(*(one.mT for one in keys)))


METHOD = Method(
    "grad_cam",
    grad_cam,
    Graph(),
    "the last attention's heads weighted by their mean gradient: the baseline of Chefer, "
    "Gur and Wolf, CVPR 2021, arXiv 2012.09838; after Selvaraju et al., Grad-CAM, ICCV 2017",
    from_last_block=True,
    several_grids=True,
)
