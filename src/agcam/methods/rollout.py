"""Attention rollout (Abnar and Zuidema, ACL 2020)."""

from __future__ import annotations

from typing import Final

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionCall, AttentionTrace, Method, precise
from ..values.needs import Attention
from .sums import rolled

ROWS_AT_ONCE: Final = 256  # bounds memory: a chunk of rows of one block, never tokens squared


def rollout(trace: AttentionTrace) -> Float[Tensor, "batch patch"]:
    """`R = prod over blocks of (mean over heads of A + I) / 2`, read rows; same for every class.

    The product is taken from the read rows backwards, one row vector at a time, so no matrix of
    tokens squared is ever kept. No attention is discarded. Where several tokens are read, their
    rows are averaged.
    """
    rows = precise(trace.reads[:, None].to(trace.calls[-1].query))
    product = rolled(rows, reversed(trace.calls), times=_through)
    return product[:, 0, trace.grid.places] / 2.0 ** len(trace.calls)


def _through(rows: Tensor, call: AttentionCall) -> Tensor:
    """`rows @ mean over heads of A`, the attention matrix made a few rows at a time."""
    result = torch.zeros_like(rows)
    for start in range(0, rows.shape[-1], ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        attention = call.only(some).attention()
        mean = reduce(attention, "batch head row token -> batch row token", "mean")
        result += rows[..., some] @ mean
    return result


METHOD = Method(
    "rollout",
    rollout,
    Attention(),
    "Abnar and Zuidema, Quantifying Attention Flow, ACL 2020, arXiv 2005.00928",
    class_specific=False,
    from_last_block=True,
)
