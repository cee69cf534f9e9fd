"""Attention rollout (Abnar and Zuidema, ACL 2020)."""

from __future__ import annotations

from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionCall, AttentionTrace

HEAD: Final = 1
READ: Final = 1  # once heads are averaged
ROWS_AT_ONCE: Final = 256  # bounds memory: a chunk of rows of one block, never tokens squared


def rollout(trace: AttentionTrace) -> Float[Tensor, "batch patch"]:
    """`R = prod over blocks of (mean over heads of A + I) / 2`, read rows; same for every class.

    The product is taken from the read rows backwards, one row vector at a time, so no matrix of
    tokens squared is ever kept. No attention is discarded. Where several tokens are read, their
    rows are averaged.
    """
    call = trace.calls[-1]
    precise = torch.promote_types(call.query.dtype, torch.float32)
    rows = trace.reads[:, None].to(call.query.device, precise)
    for call in reversed(trace.calls):
        rows = (rows + _through(rows, call)) / 2
    return rows[:, 0, trace.grid.places]


def _through(rows: Tensor, call: AttentionCall) -> Tensor:
    """`rows @ mean over heads of A`, the attention matrix made a few rows at a time."""
    result = torch.zeros_like(rows)
    for start in range(0, rows.shape[-1], ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        attention = call.only(some).scores().softmax(-1).mean(HEAD)
        result += rows[..., some] @ attention
    return result
