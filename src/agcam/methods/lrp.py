"""Transformer Attribution: relevance by rules, with gradients (Chefer et al., CVPR 2021)."""

from __future__ import annotations

from typing import Final

from jaxtyping import Float
from torch import Tensor

from ..values import LrpTrace

HEAD: Final = 1


def lrp(trace: LrpTrace) -> Float[Tensor, "batch patch"]:
    """`R = prod over blocks of (I + mean over heads of relu(dy/dA * R_A))`; read rows.

    `R_A` is the relevance that reaches an attention, from 1 at the target logit: positive parts of
    linear layers (alpha = 1, biases take none), in proportion through sums (each term's total made
    its share of the whole) and products (halved), unchanged through softmax, GELU and norms. As in
    the authors' program (github.com/hila-chefer/Transformer-Explainability at c3e578f), equal to
    it to 2e-4 of the map's maximum. Sums and products may divide by almost nothing: in float32 its
    own map and ours may move by a tenth of the maximum with the rounding of the machine.
    Beyond it, ours: the gates of SwiGLU are halved products, what a norm divides by and what is
    the same for every picture (scales, position biases) take none, means share in proportion,
    and where several tokens are read their rows are averaged (where the patches themselves are
    read, their part of I adds the same constant to each).
    """
    rows = trace.reads[:, None].to(trace.blocks[0].relevance)
    for block in reversed(trace.blocks):
        rows = rows + rows @ (block.gradients * block.relevance).relu().mean(HEAD)
    return rows[:, 0, trace.grid.places]
