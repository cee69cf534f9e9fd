"""AGCAM's gradients, carried from each block down to the patches that its tokens were made of."""

from __future__ import annotations

from functools import partial
from typing import Final

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionCall, Blocks, Grid, Method, ReadTrace
from ..values.needs import Replay
from .agcam_evidence import standard
from .agcam_spread import BACKGROUND, CITE, above_mean, signed_evidence, spread
from .sums import chunks, over_blocks

PASSED: Final = 5.0  # of a token's relevance, what attention alike to the read row's passes on


def agcam_rollout(trace: ReadTrace) -> Float[Tensor, "batch_target patch"]:
    """`L = (2 z(R) + z(L_spread) + z(e))^3`, signed; z and e as in `agcam_evidence`.

    R: relevance, from the last block to the first: `R <- R + sum over heads of
    alpha+ * (p + 5 R A / P)`, with p the attention of the read row, A that of each patch, alpha+
    the positive part of AGCAM's gradient at the read row, and P the sum of `p * alpha+` over
    blocks, heads and patches. A read row says which tokens were read; what they were made of is
    further down. The gradient at other rows would take a pass back through the whole model: that of
    the read row stands for them. L_spread is the map of `agcam_spread`
    without support (s = 1). For the order of patches, the least relevant first and last: see
    docs/better-map.md.
    """
    found = trace.of_targets(lambda blocks: _both(tuple(blocks), trace))
    carried, evidence = rearrange(
        found, "batch (target two) patch -> two batch target patch", two=2
    )
    reach = spread(above_mean(evidence), trace).reshape(evidence.shape)
    outline = above_mean(reach, BACKGROUND).sqrt()
    total = 2 * standard(carried) + standard(outline) + standard(evidence)
    return rearrange(total**3, "batch target patch -> (batch target) patch")


def _both(blocks: Blocks, trace: ReadTrace) -> Float[Tensor, "batch_target two patch"]:
    """`R` and `e`, of one pass back."""
    return torch.stack([_carried(blocks, trace), signed_evidence(blocks, trace.grid)], dim=1)


def _carried(blocks: Blocks, trace: ReadTrace) -> Float[Tensor, "batch_target patch"]:
    by_target = partial(
        rearrange, pattern="(batch target) ... -> batch target ...", batch=len(trace.calls[0].value)
    )
    gates, read = [], []
    for block in blocks:
        gate = block.gradients.relu()
        gates.append(by_target(block.on_grid(block.mean_of_rows(gate), trace.grid)))
        rows = reduce(
            block.scores.softmax(-1) * gate, "batch head read token -> batch read token", "sum"
        )
        read.append(by_target(block.on_grid(block.mean_of_rows(rows), trace.grid)))
    whole = over_blocks(read).sum(-1, keepdim=True)
    share = torch.where(whole > 0, PASSED / whole, 0.0)
    relevance: Tensor = read[-1]
    for call, gate, own in zip(
        reversed(trace.calls[:-1]), reversed(gates[:-1]), reversed(read[:-1]), strict=True
    ):
        passed = gate * _through(relevance, call, trace.grid)
        relevance = relevance + own + share * reduce(passed, "b t head patch -> b t patch", "sum")
    return relevance.flatten(0, 1)


def _through(
    relevance: Float[Tensor, "batch target patch"], call: AttentionCall, grid: Grid
) -> Float[Tensor, "batch target head patch"]:
    """`R A` of each head, some rows at a time."""
    parts = []
    for some in chunks(grid.patches):
        rows = call.only(grid.places_of(some)).attention()[..., grid.places].to(relevance)
        parts.append(torch.einsum("bti,bhij->bthj", relevance[..., some], rows.clamp(min=0)))
    return over_blocks(parts)


METHOD = Method("agcam_rollout", agcam_rollout, Replay(calls=True), CITE)
