"""Generic attention explainability (Chefer, Gur and Wolf, ICCV 2021)."""

from __future__ import annotations

from typing import Final

from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace

HEAD: Final = 1


def gae(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`R <- R + mean over heads of relu(dy/dA * A) @ R`, from R = I (rules 5 and 6); read rows.

    Gradients are of the target logit, under ordinary autograd. The product is taken from the read
    rows backwards, one row vector at a time, which gives the same rows of R without its matrix.
    Beyond the paper, ours: where several tokens are read their rows are averaged (where the
    patches themselves are read, their part of I adds the same constant to each), and where a
    block holds several attentions each takes a step. Equal to the authors' program
    (github.com/hila-chefer/Transformer-MM-Explainability at 58eaea8) where one token is read.
    """
    rows = trace.reads[:, None].to(trace.blocks[0].attention)
    for block in reversed(trace.blocks):
        rows = rows + rows @ (block.gradients * block.attention).relu().mean(HEAD)
    return rows[:, 0, trace.grid.places]
