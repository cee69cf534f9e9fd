"""Generic attention explainability (Chefer, Gur and Wolf, ICCV 2021)."""

from __future__ import annotations

from collections.abc import Iterator

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace, Method
from ..values.needs import Graph
from .sums import rolled, rolled_over_grids, whole


def gae(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`R <- R + mean over heads of relu(dy/dA * A) @ R`, from R = I (rules 5 and 6); read rows.

    Gradients are of the target logit, under ordinary autograd. The product is taken from the read
    rows backwards, one row vector at a time, which gives the same rows of R without its matrix.
    Beyond the paper, ours: where several tokens are read their rows are averaged (where the
    patches themselves are read, their part of I adds the same constant to each), and where a
    block holds several attentions each takes a step. Equal to the authors' program
    (github.com/hila-chefer/Transformer-MM-Explainability at 58eaea8) where one token is read. On
    several grids, ours: R is over the cells of the finest one, see docs/method.md.
    """
    steps = (positive(block.gradients, block.attention) for block in reversed(trace.blocks))
    return taken_back(trace, steps)


def taken_back(trace: GraphTrace, steps: Iterator[Tensor]) -> Float[Tensor, "batch patch"]:
    """The read rows of `prod over blocks of (I + step)`, the last block's step first."""
    reads = trace.reads.to(trace.blocks[0].attention)
    if trace.places:
        return rolled_over_grids(reads, map(whole, steps), trace.places)
    return rolled(reads[:, None], steps)[:, 0, trace.grid.places]


def positive(gradients: Tensor, weights: Tensor) -> Float[Tensor, "item row token"]:
    """`mean over heads of relu(gradients * weights)`."""
    return reduce((gradients * weights).relu(), "item head row token -> item row token", "mean")


METHOD = Method(
    "gae",
    gae,
    Graph(),
    "Chefer, Gur and Wolf, Generic Attention-model Explainability, ICCV 2021, arXiv 2103.15679",
    from_last_block=True,
    several_grids=True,
    reads_rows=True,
)
