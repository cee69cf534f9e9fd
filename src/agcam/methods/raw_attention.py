"""Raw attention: what the read tokens attend to in the last block."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionTrace

HEAD: Final = 1
READ: Final = 1  # once heads are averaged


def raw_attention(trace: AttentionTrace) -> Float[Tensor, "batch patch"]:
    """Mean over heads (and read rows) of the last block's attention; the same for every class."""
    call = trace.calls[-1].only(torch.tensor(trace.reads))
    return call.scores().softmax(-1).mean(HEAD).mean(READ)[:, trace.grid.prefix :]
