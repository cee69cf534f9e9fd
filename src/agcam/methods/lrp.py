"""Transformer Attribution: relevance by rules, with gradients (Chefer et al., CVPR 2021)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..values import GraphTrace, Method, Option
from ..values.needs import Tape
from ..values.options import RULES
from .gae import positive, taken_back


def lrp(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`R = prod over blocks of (I + mean over heads of relu(dy/dA * R_A))`; read rows.

    `R_A` is the relevance that reaches an attention, from 1 at the target logit: positive parts of
    linear layers (alpha = 1, biases take none), in proportion through sums (each term's total made
    its share of the total) and products (halved), unchanged through softmax, GELU and norms. As in
    the authors' program (github.com/hila-chefer/Transformer-Explainability at c3e578f), equal to
    it to 2e-4 of the map's maximum. Sums and products may divide by almost nothing: in float32 its
    own map and ours may move by a tenth of the maximum with the rounding of the machine.
    Beyond it, ours: the gates of SwiGLU are halved products, what a norm divides by and what is
    the same for every picture (scales, position biases) take none, means share in proportion,
    and where several tokens are read their rows are averaged (where the patches themselves are
    read, their part of I adds the same constant to each). On several grids, ours: convolutions
    and batch norms as linear layers, and R over the cells of the finest grid, see docs/method.md.
    """
    pairs = zip(reversed(trace.blocks), reversed(trace.relevance), strict=True)
    steps = (positive(block.gradients, relevance) for block, relevance in pairs)
    return taken_back(trace, steps)


METHOD = Method(
    "lrp",
    lrp,
    Tape("lrp"),
    "Chefer, Gur and Wolf, Transformer Interpretability Beyond Attention Visualization, "
    "CVPR 2021, arXiv 2012.09838",
    from_last_block=True,
    several_grids=True,
    reads_rows=True,
    options=(
        Option(
            "stabilizer",
            Tape.stabilizer,
            0,
            1,
            "of relevance",
            "keeps divisions from zero",
            sets="stabilizer",
        ),
        RULES,
    ),
)
