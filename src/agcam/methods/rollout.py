"""Attention rollout (Abnar and Zuidema, ACL 2020)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionCall, AttentionTrace, Method, precise
from ..values.needs import Attention
from ..values.places import Parts
from .sums import chunks, rolled, rolled_over_grids


def rollout(trace: AttentionTrace) -> Float[Tensor, "batch patch"]:
    """`R = prod over blocks of (mean over heads of A + I) / 2`, read rows; same for every class.

    The product is taken from the read rows backwards, one row vector at a time, so no matrix of
    tokens squared is ever kept. No attention is discarded. Where several tokens are read, their
    rows are averaged. On several grids, ours: R is over the cells of the finest one, see
    docs/method.md.
    """
    reads = precise(trace.reads.to(trace.calls[-1].query))
    steps = map(mean_attention, reversed(trace.calls))
    if trace.places:
        product = rolled_over_grids(reads, steps, trace.places)
    else:
        product = rolled(reads[:, None], steps, times=_through)[:, 0, trace.grid.places]
    return product / 2.0 ** len(trace.calls)


def mean_attention(call: AttentionCall) -> Iterator[tuple[slice, Tensor]]:
    """The mean over heads of A, made a few rows at a time."""
    for some in chunks(call.query.shape[-2]):
        attention = call.only(some).attention()
        yield some, reduce(attention, "item head row token -> item row token", "mean")


def _through(rows: Tensor, parts: Parts) -> Tensor:
    """`rows @ mean over heads of A`."""
    result = torch.zeros_like(rows)
    for some, mean in parts:
        result += rows[..., some] @ mean
    return result


METHOD = Method(
    "rollout",
    rollout,
    Attention(),
    "Abnar and Zuidema, Quantifying Attention Flow, ACL 2020, arXiv 2005.00928",
    class_specific=False,
    from_last_block=True,
    several_grids=True,
    reads_rows=True,
)
