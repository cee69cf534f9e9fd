"""AGCAM's gradients, signed and weighed by attention, spread over what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionCall, Blocks, Grid, Method, Option, ReadBlock, ReadTrace, precise
from ..values.needs import Replay
from . import links
from .bicam import signed
from .sums import chunks, over_blocks

TEMPERATURE: Final = 0.2
MASKED: Final = 1e-20  # of attention: masks take 100 or more off a score
BACKGROUND: Final = 0.9  # an object that fills the picture lifts the mean itself
OPTION_TEMPERATURE: Final = Option(
    "temperature", TEMPERATURE, 0.01, 10, "of a cosine", "how far values may differ in a group"
)

Rows = Callable[[], Iterator[tuple[slice, Tensor]]]
"""How strongly each patch is linked to each other: positive rows, (batch, some, patch) a time."""


def agcam_spread(
    trace: ReadTrace, *, temperature: float = TEMPERATURE, background: float = BACKGROUND
) -> Float[Tensor, "batch_target patch"]:
    """`L = sqrt((V A e+ - 0.9 mean)+)` with evidence `e = sum of (t a + (1 - t) u) * alpha`.

    e: attention a after softmax times AGCAM's gradient, with its sign, at the read row, summed
    over heads and the last third of the blocks; e+ is what is above its mean over the patches (the
    background): what speaks for the class more than the picture at large does.
    t: how far attention is trusted; u is attention that goes to all keys alike.
    `t = min(1, sum of a |alpha| / sum of u |alpha|)^2`: 1 where attention goes to what the class
    depends on, less where most of it goes to patches that hold nothing, as registers do.
    A, V: each patch gets the mean of the evidence of the patches that it is linked to, a patch that
    all are linked to counting less: weights `w_ij / sum_i w_ij`, divided by their sum over j. In A
    w is the attention from patch i to patch j, mean over heads and the sixth of the blocks behind
    the middle; in V it is `exp(cosine / 0.2)` of the values of i and j, heads side by side, each
    less its mean over the patches, mean over the last third of the blocks; its own is as unlike as
    can be (cosine -1).
    Then most of the mean is taken off again. The root is part of the map, the same for every
    picture: it changes no order, and puts the edge of what is shown nearer to half of the greatest
    value. On several grids, ours too: patches are the cells of the finest one, rows and keys are
    linked where they lie, values are compared over all windows; see docs/method.md.
    """
    return above_mean(reached(trace, temperature), background).sqrt()


def reached(
    trace: ReadTrace,
    temperature: float = TEMPERATURE,
    evidence: Float[Tensor, "batch target patch"] | None = None,
) -> Float[Tensor, "batch_target patch"]:
    """`V A e+`, as above: evidence (the trusted one), spread over what belongs together.

    What belongs together does not depend on the class: links are made once for all targets.
    """
    if evidence is None:
        evidence = trace.of_targets(lambda blocks: trusted_evidence(blocks, trace.grid))
    third = max(1, round(len(trace.calls) / 3))
    last, places = trace.calls[-third:], trace.places[-third:]
    relevance = over_attention(above_mean(evidence), trace)
    if places:
        pairs = zip(last, places, strict=True)
        spread = links.spread(relevance, [links.likeness(*pair, temperature) for pair in pairs])
    else:
        likeness = [partial(_likeness, call, trace.grid, temperature) for call in last]
        spread = _spread(relevance, partial(_mean, likeness))
    return rearrange(spread, "batch target patch -> (batch target) patch")


def trusted_evidence(blocks: Blocks, grid: Grid) -> Float[Tensor, "batch patch"]:
    """`e`, as above: by attention as far as it is trusted, else by attention to all keys alike."""
    sums = over_blocks(
        [_by_both(block, grid) for block in blocks[-max(1, round(len(blocks) / 3)) :]]
    )
    (attended, even), sizes = sums[:, :2].unbind(1), sums[:, 2:].sum(-1, keepdim=True)
    trust = torch.where(sizes[:, 1] > 0, sizes[:, 0] / sizes[:, 1], 1.0).clamp(max=1) ** 2
    return trust * attended + (1 - trust) * even


def _by_both(block: ReadBlock, grid: Grid) -> Float[Tensor, "batch 4 patch"]:
    """`a alpha`, `u alpha`, and both of `|alpha|`, summed over heads."""
    attention = block.scores.softmax(-1)
    open_to = (attention > MASKED).to(attention)
    even = open_to / open_to.sum(-1, keepdim=True)
    terms = [
        reduce(weights * gradients, "batch head read token -> batch read token", "sum")
        for gradients in (block.gradients, block.gradients.abs())
        for weights in (attention, even)
    ]
    return block.on_grid(block.mean_of_rows(torch.stack(terms, 1)), grid)


def signed_evidence(blocks: Blocks, grid: Grid) -> Float[Tensor, "batch patch"]:
    """What each patch adds to the target's logit in the last sixth of the blocks."""
    return signed(blocks[-max(1, round(len(blocks) / 6)) :], grid)


def over_attention(
    relevance: Float[Tensor, "batch target patch"], trace: ReadTrace
) -> Float[Tensor, "batch target patch"]:
    """`A relevance`, as above: means over the patches that each attends to behind the middle."""
    blocks = len(trace.calls)
    behind_middle = slice(blocks // 2, blocks // 2 + max(1, round(blocks / 6)))
    if trace.places:
        pairs = zip(trace.calls[behind_middle], trace.places[behind_middle], strict=True)
        return links.spread(relevance, [links.attention(*pair) for pair in pairs])
    attention = [partial(_attention, call, trace.grid) for call in trace.calls[behind_middle]]
    return _spread(relevance, partial(_mean, attention))


def above_mean(relevance: Tensor, share: float = 1) -> Tensor:
    """What is above this share of the mean over the patches, by how much."""
    return (relevance - share * relevance.mean(-1, keepdim=True)).relu()


def _spread(relevance: Tensor, rows: Rows) -> Float[Tensor, "batch target patch"]:
    """Means over linked patches; a patch's weight is shared out among all that are linked to it."""
    if len(chunks(relevance.shape[-1])) == 1:  # a single chunk may be kept
        made = list(rows())
        rows = partial(iter, made)
    linked = torch.zeros_like(relevance[:, 0])
    for _, part in rows():
        linked += reduce(part, "batch some patch -> batch patch", "sum")
    tiny = torch.finfo(linked.dtype).tiny
    linked = linked.clamp(min=tiny)
    result = torch.empty_like(relevance)
    for some, part in rows():
        weights = part / linked[:, None]
        found = relevance @ weights.mT
        result[..., some] = found / weights.sum(-1)[:, None].clamp(min=tiny)
    return result


def _mean(several: Sequence[Rows]) -> Iterator[tuple[slice, Tensor]]:
    """The mean but for its scale, which `_spread` divides by."""
    for parts in zip(*(each() for each in several), strict=True):
        yield parts[0][0], sum((part for _, part in parts[1:]), parts[0][1])


def _attention(call: AttentionCall, grid: Grid) -> Iterator[tuple[slice, Tensor]]:
    for some in chunks(grid.patches):
        rows = call.only(grid.places_of(some)).attention()
        patches = rows[..., grid.places].clamp(min=0)  # talking heads may make it negative
        yield some, reduce(patches, "batch head row patch -> batch row patch", "mean")


def _likeness(
    call: AttentionCall, grid: Grid, temperature: float
) -> Iterator[tuple[slice, Tensor]]:
    values = rearrange(
        call.value[:, :, grid.places], "batch head patch dim -> batch patch (head dim)"
    )
    values = precise(values)
    values = F.normalize(values - values.mean(1, keepdim=True), dim=-1)
    for some in chunks(grid.patches):
        cosine = values[:, some] @ values.mT
        cosine[:, torch.arange(len(cosine[0])), torch.arange(some.start, some.stop)] = -1
        yield some, (cosine / temperature).softmax(-1)


CITE: Final = "agcam's own, after Leem and Seo, AGCAM: docs/better-map.md"
METHOD = Method(
    "agcam_spread",
    agcam_spread,
    Replay(calls=True),
    CITE,
    several_grids=True,
    reads_rows=True,
    options=(
        OPTION_TEMPERATURE,
        Option("background", BACKGROUND, 0, 2, "of the mean", "how much of the mean is taken off"),
    ),
)
