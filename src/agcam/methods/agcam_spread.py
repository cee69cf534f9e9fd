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
    """`L = sqrt((V A (q e+) - 0.9 mean)+)`, `q = s (t s + (1 - t) r)`, `x+` what is above the mean.

    e: evidence, attention a after softmax times AGCAM's gradient alpha, with its sign, at the read
    row, summed over heads and the last sixth of the blocks; e+ is what speaks for the class more
    than the picture at large does (the mean over the patches).
    c: what patches would add if each head attended to all of them alike, over the last third of the
    blocks: `c = sum of k * alpha`, `k = sum of a * max(0, alpha) / sum of max(0, alpha)` over the
    patches, one number for each head: the attention that what speaks for the class gets there, on
    average. Heads that attend to something else count little, and patches that take most of the
    attention and hold nothing, as registers do, hide nothing.
    s: support, `A c+`, the mean of c+ over the patches that a patch attends to. r: the same of
    patches whose values are like its own, and of all heads alike, `V u+`, u being c with k = 1.
    Both are in units of their mean. Evidence counts as far as it is supported.
    t: how far attention is trusted, `min(1, sum of a |alpha| / sum of |alpha| / n)^2` over the last
    third of the blocks, n being the number of keys: 1 where gradients are as large where attention
    goes as elsewhere. Where they are smaller, attention does not choose between heads either.
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


def reached(trace: ReadTrace, temperature: float) -> Float[Tensor, "batch_target patch"]:
    """`V A (q e+)`, as above; s and r are 1 where no patch supports another."""
    found = trace.of_targets(lambda blocks: _sums(blocks, trace.grid))
    evidence, by_head, alike, read, mean_read = rearrange(
        found, "batch (target five) patch -> five batch target patch", five=5
    )
    together = over_likeness(trace, temperature)
    support = _of_mean(over_attention(above_mean(by_head), trace))
    likes = _of_mean(together(above_mean(alike)))
    read, mean_read = (part.sum(-1, keepdim=True) for part in (read, mean_read))
    trust = torch.where(mean_read > 0, read / mean_read, 1.0).clamp(max=1).square()
    counts = support * (trust * support + (1 - trust) * likes)
    return _by_target(together(over_attention(above_mean(evidence) * counts, trace)))


def spread(
    relevance: Float[Tensor, "batch target patch"],
    trace: ReadTrace,
    temperature: float = TEMPERATURE,
) -> Float[Tensor, "batch_target patch"]:
    """`V A relevance`, as above: spread over what belongs together."""
    return _by_target(over_likeness(trace, temperature)(over_attention(relevance, trace)))


def over_likeness(trace: ReadTrace, temperature: float) -> Callable[[Tensor], Tensor]:
    """`V`, as above, of relevance (batch, target, patch).

    What is alike does not depend on the class: links are made once for all that is spread.
    """
    third = max(1, round(len(trace.calls) / 3))
    last, places = trace.calls[-third:], trace.places[-third:]
    if places:
        pairs = zip(last, places, strict=True)
        made = [links.likeness(*pair, temperature) for pair in pairs]
        return lambda relevance: links.spread(relevance, made)
    likeness = [partial(_likeness, call, trace.grid, temperature) for call in last]
    rows = _kept(partial(_mean, likeness), trace.grid)
    return lambda relevance: _spread(relevance, rows)


def _by_target(relevance: Tensor) -> Float[Tensor, "batch_target patch"]:
    return rearrange(relevance, "batch target patch -> (batch target) patch")


def _of_mean(relevance: Tensor) -> Tensor:
    """In units of the mean over the patches; 1 where that is 0."""
    mean = relevance.mean(-1, keepdim=True)
    return torch.where(mean > 0, relevance / mean, 1.0)


def _sums(blocks: Blocks, grid: Grid) -> Float[Tensor, "batch_target five patch"]:
    """`e`, `c`, `u`, and what t is made of, of one pass back."""
    sixth, third = (max(1, round(len(blocks) / part)) for part in (6, 3))
    maps = [(signed([block], grid), _of_block(block, grid)) for block in blocks[-third:]]
    evidence = over_blocks([own for own, _ in maps[-sixth:]])
    return torch.stack([evidence, *over_blocks([sums for _, sums in maps]).unbind(1)], dim=1)


def _of_block(block: ReadBlock, grid: Grid) -> Float[Tensor, "batch four patch"]:
    """`k alpha`, `alpha`, `a |alpha|` and `|alpha| / n`, summed over heads.

    Keys that a mask hides take no part.
    """
    attention = block.scores.softmax(-1)
    hidden = attention <= MASKED
    gradients = block.gradients * ~hidden
    favourable = gradients.relu() * _on_the_grid(block, grid)
    whole = favourable.sum(-1, keepdim=True)
    each = (attention * favourable).sum(-1, keepdim=True)
    each = torch.where(whole > 0, each / whole, 0.0)
    count = (~hidden).sum(-1, keepdim=True).clamp(min=1)
    terms = (each * gradients, gradients, attention * gradients.abs(), gradients.abs() / count)
    rows = reduce(
        torch.stack(terms, 1), "batch term head read token -> batch term read token", "sum"
    )
    return block.on_grid(block.mean_of_rows(rows), grid)


def _on_the_grid(block: ReadBlock, grid: Grid) -> Float[Tensor, "batch 1 1 token"]:
    """1 for each key that is a patch, 0 for other tokens and padding."""
    items, keys = len(block.scores), block.scores.shape[-1]
    if block.places is None:
        patches = block.scores.new_zeros(items, keys)
        patches[:, grid.places] = 1
    else:
        lie = block.places.weights[0].any(1).to(block.scores)
        patches = block.places.by_item(lie.expand(items // block.places.items, -1))
    return patches[:, None, None]


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
    return _spread(relevance, _kept(partial(_mean, attention), trace.grid))


def above_mean(relevance: Tensor, share: float = 1) -> Tensor:
    """What is above this share of the mean over the patches, by how much."""
    return (relevance - share * relevance.mean(-1, keepdim=True)).relu()


def _spread(relevance: Tensor, rows: Rows) -> Float[Tensor, "batch target patch"]:
    """Means over linked patches; a patch's weight is shared out among all that are linked to it."""
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


def _kept(rows: Rows, grid: Grid) -> Rows:
    """Rows of a single chunk are made once; of more they are made each time."""
    if len(chunks(grid.patches)) > 1:
        return rows
    made = list(rows())
    return lambda: iter(made)


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
