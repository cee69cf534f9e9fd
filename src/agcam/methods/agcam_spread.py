"""AGCAM's gradients, signed and weighed by attention, spread over what belongs together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionCall, ReachTrace
from .bicam import signed

HEAD: Final = 1
FROM: Final = -2  # the rows of a matrix of links
ROWS_AT_ONCE: Final = 256  # bounds memory: a chunk of rows, never tokens squared
TEMPERATURE: Final = 0.2  # of the likeness of values, a cosine
BACKGROUND: Final = 0.9  # of the mean: a thing that fills the picture lifts the mean itself

Links = Callable[[], Iterator[tuple[slice, Tensor]]]
"""How strongly each patch is linked to each other: positive rows, (batch, some, patch) a time."""


def agcam_spread(trace: ReachTrace) -> Float[Tensor, "batch patch"]:
    """`L = sqrt((V A e+ - 0.9 mean)+)` with evidence `e = sum of a * alpha`, `e+` above its mean.

    e: attention after softmax times AGCAM's gradient, with its sign, at the read row, summed over
    heads and the last sixth of the blocks. Less its mean over the patches (the background), what
    is left speaks for the class more than the picture at large does.
    A, V: each patch gets the mean of the evidence of the patches that it is linked to, a patch that
    all are linked to counting less: weights `w_ij / sum_i w_ij`, divided by their sum over j. In A
    w is the attention from patch i to patch j, mean over heads and the sixth of the blocks behind
    the middle; in V it is `exp(cosine / 0.2)` of the values of i and j, heads side by side, each
    less its mean over the patches, mean over the last third of the blocks; its own is as unlike as
    can be (cosine -1).
    Then most of the mean is taken off again. The root is part of the map, the same for every
    picture: it changes no order, and puts the edge of what is shown nearer to half of the greatest
    value.
    """
    return above_mean(reached(trace), BACKGROUND).sqrt()


def reached(trace: ReachTrace) -> Float[Tensor, "batch patch"]:
    """`V A e+`, as above: evidence, spread over what belongs together."""
    blocks = len(trace.calls)
    sixth = max(1, round(blocks / 6))
    relevance = above_mean(signed(trace.blocks[-sixth:], trace.grid))
    behind_middle = trace.calls[blocks // 2 : blocks // 2 + sixth]
    last = trace.calls[-max(1, round(blocks / 3)) :]
    relevance = _spread(relevance, _mean([_attention(call, trace) for call in behind_middle]))
    return _spread(relevance, _mean([_likeness(call, trace) for call in last]))


def above_mean(relevance: Tensor, share: float = 1) -> Tensor:
    """What is above this share of the mean over the patches, by how much."""
    return (relevance - share * relevance.mean(-1, keepdim=True)).relu()


def _spread(relevance: Tensor, links: Links) -> Tensor:
    """Means over linked patches; a patch's weight is shared out among all that are linked to it."""
    linked = torch.zeros_like(relevance)
    for _, rows in links():
        linked += rows.sum(FROM)
    linked = linked.clamp(min=torch.finfo(linked.dtype).tiny)
    result = torch.empty_like(relevance)
    for some, rows in links():
        weights = rows / linked[:, None]
        result[:, some] = (weights @ relevance[..., None])[..., 0]
        result[:, some] /= weights.sum(-1).clamp(min=torch.finfo(linked.dtype).tiny)
    return result


def _mean(links: list[Links]) -> Links:
    def rows() -> Iterator[tuple[slice, Tensor]]:
        for parts in zip(*(each() for each in links), strict=True):
            yield parts[0][0], sum((part for _, part in parts[1:]), parts[0][1])

    return rows


def _chunks(patches: int) -> Iterator[slice]:
    for start in range(0, patches, ROWS_AT_ONCE):
        yield slice(start, min(start + ROWS_AT_ONCE, patches))


def _attention(call: AttentionCall, trace: ReachTrace) -> Links:
    prefix = trace.grid.prefix

    def rows() -> Iterator[tuple[slice, Tensor]]:
        for some in _chunks(trace.grid.patches):
            asked = call.only(slice(some.start + prefix, some.stop + prefix))
            yield some, asked.scores().softmax(-1)[..., trace.grid.places].mean(HEAD)

    return rows


def _likeness(call: AttentionCall, trace: ReachTrace) -> Links:
    values = call.value[:, :, trace.grid.places].transpose(1, 2).flatten(2)
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    values = F.normalize(values - values.mean(1, keepdim=True), dim=-1)

    def rows() -> Iterator[tuple[slice, Tensor]]:
        for some in _chunks(trace.grid.patches):
            cosine = values[:, some] @ values.mT
            cosine[:, torch.arange(len(cosine[0])), torch.arange(some.start, some.stop)] = -1
            yield some, (cosine / TEMPERATURE).softmax(-1)

    return rows
