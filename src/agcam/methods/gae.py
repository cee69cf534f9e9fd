"""Generic attention explainability (Chefer, Gur and Wolf, ICCV 2021)."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace, Method
from ..values.needs import Graph
from .sums import rolled


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
    steps = (positive(block.gradients, block.attention) for block in reversed(trace.blocks))
    return rolled(rows, steps)[:, 0, trace.grid.places]


def positive(gradients: Tensor, weights: Tensor) -> Float[Tensor, "batch row token"]:
    """`mean over heads of relu(gradients * weights)`."""
    return reduce((gradients * weights).relu(), "batch head row token -> batch row token", "mean")


METHOD = Method(
    "gae",
    gae,
    Graph(),
    "Chefer, Gur and Wolf, Generic Attention-model Explainability, ICCV 2021, arXiv 2103.15679",
    from_last_block=True,
)
