"""Raw attention: what the read tokens attend to in the last block."""

from __future__ import annotations

from typing import Final

from jaxtyping import Float
from torch import Tensor

from ..values import AttentionTrace

HEAD: Final = 1
READ: Final = 1  # once heads are averaged


def raw_attention(trace: AttentionTrace) -> Float[Tensor, "batch patch"]:
    """Mean over heads (and read rows) of the last block's attention; the same for every class."""
    read = trace.reads.any(0).nonzero()[:, 0]  # by any picture of the batch
    attention = trace.calls[-1].only(read).scores().softmax(-1).mean(HEAD)
    weights = trace.reads[:, read, None].to(attention.dtype)
    return (weights * attention).sum(READ)[:, trace.grid.places]
