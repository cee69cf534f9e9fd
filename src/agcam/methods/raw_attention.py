"""Raw attention: what the read tokens attend to in the last block."""

from __future__ import annotations

from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionTrace, Method
from ..values.needs import Attention


def raw_attention(trace: AttentionTrace) -> Float[Tensor, "batch patch"]:
    """Mean over heads (and read rows) of the last block's attention; the same for every class.

    Where that attends within windows, the mean over the read rows of each.
    """
    read = trace.reads.any(0).nonzero()[:, 0]  # by any picture of the batch
    attention = trace.calls[-1].only(read).attention()
    mean = reduce(attention, "batch head read token -> batch read token", "mean")
    weighted = trace.reads[:, read, None].to(mean.dtype) * mean
    keys = reduce(weighted, "batch read token -> batch token", "sum")
    return trace.places[-1].on_grid(keys) if trace.places else keys[:, trace.grid.places]


METHOD = Method(
    "raw_attention",
    raw_attention,
    Attention(),
    "the last block's attention, as in Caron et al., DINO, ICCV 2021, arXiv 2104.14294",
    class_specific=False,
    from_last_block=True,
    several_grids=True,
)
