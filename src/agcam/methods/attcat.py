"""AttCAT: attentive class activation tokens (Qiang et al., NeurIPS 2022)."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import GraphBlock, GraphTrace, Method
from ..values.needs import Graph
from .sums import over_blocks


def attcat(trace: GraphTrace) -> Float[Tensor, "batch patch"]:
    """`sum over blocks of a_j * <h_j, dy/dh_j>`, signed; h: tokens that enter the block.

    `a_j` is the attention that token j is given in the block: mean over heads and over all query
    rows. This is what the authors' program computes (github.com/qiangyao1988/AttCAT at 441262f,
    for BERT); we had no text of the paper to hold it against in what its attention weight of a
    token and its layer index mean. Ours: where a block holds several attentions, a term for each.
    """
    return over_blocks([_term(block) for block in trace.blocks])[:, trace.grid.places]


def _term(block: GraphBlock) -> Tensor:
    attention = block.attention
    # signed products cancel: summed in the precision of the attention, at least float32
    tokens, gradients = (t.to(attention.dtype) for t in (block.tokens, block.token_gradients))
    given = reduce(attention, "batch head row token -> batch token", "mean")
    return given * reduce(tokens * gradients, "batch token dim -> batch token", "sum")


METHOD = Method(
    "attcat", attcat, Graph(), "Qiang et al., AttCAT, NeurIPS 2022; as in the authors' program"
)
