"""What the model predicts while pixels are replaced: all pictures and methods at once, none twice.

The untouched picture's answer is the recording's, or one pass where another precision is chosen;
that of the wholly replaced picture takes one pass per worker if the fill is one colour, else one a
picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
from einops import rearrange, repeat
from numpy.typing import NDArray
from torch import Tensor

from ..metrics.perturbation import INNER
from ..values import (
    AccuracyCase,
    CurveCase,
    GroupCase,
    LogitCase,
    Metric,
    precise,
    predicted,
    weights_of,
)
from .fills import FILLS
from .probing import Probe, Prober, patch_ranks, rank_of, relevance_on_input
from .rows import Rows
from .shard_maps import ShardMaps

ORDERS: Final = ("morf", "lerf")
GROUPS: Final = 10
STEPS: Final = 100  # groups of patches, at most
PROBABILITY, RIGHT = 0, 1  # of what `_answers` gives
Answers = Callable[[ShardMaps, Tensor, Sequence[int]], NDArray[Any]]


class Perturbation:
    """Makes curves and groups; keeps what the shards of a worker share."""

    def __init__(self, prober: Prober) -> None:
        self.prober = prober
        self._replaced: dict[tuple[Any, ...], Tensor] = {}
        self._untouched_logits: tuple[ShardMaps | None, Tensor] = (None, torch.empty(0))

    def judge_curves(self, maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
        """MoRF, LeRF and what is read from them, with every fill that the metrics name."""
        ranks = _ranks(maps, ORDERS)
        counts = removed_counts(math.prod(maps.sides))
        for fill, some in _by_fill(metrics):
            curves = self._curves(maps, fill, ranks, counts, rows, _answers)
            for line, method in enumerate(maps.methods):
                for picture, item in enumerate(maps.items):
                    probability, right = curves[:, :, line, picture]
                    rows.score(item, method.name, some, CurveCase(*probability))
                    rows.score(item, method.name, some, AccuracyCase(*right))

    def judge_patches(self, maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
        """SRG: the label's logit while patches are replaced, group by group."""
        grid = maps.layout.grid
        ranks = torch.cat(
            [
                patch_ranks(maps.maps(method), order, grid, maps.sides)
                for order in ORDERS
                for method in maps.methods
            ]
        ).to(maps.pixels.device)
        counts = patch_counts(grid.patches)
        for fill, some in _by_fill(metrics):
            (curves,) = self._curves(maps, fill, ranks, counts, rows, _label_logits)
            for line, method in enumerate(maps.methods):
                for picture, item in enumerate(maps.items):
                    rows.score(item, method.name, some, LogitCase(*curves[:, line, picture]))

    def _curves(
        self,
        maps: ShardMaps,
        fill: str,
        ranks: Tensor,
        counts: Sequence[int],
        rows: Rows,
        answers: Answers,
    ) -> NDArray[Any]:
        """(answer, order, method, picture, step), both ends with the steps of `counts`."""
        filling = FILLS[fill].function(maps.drawn, maps.classifier)
        spans = [(0, count) for count in counts]
        axes = {"order": len(ORDERS), "method": len(maps.methods)}
        inner = rearrange(
            self._without(maps, fill, filling, ranks, spans, rows, answers),
            "answer (order method picture step) -> answer order method picture step",
            **axes,
            step=len(spans),
        )
        first, last = (
            repeat(
                answers(maps, logits, range(len(maps.items))),
                "answer picture -> answer order method picture 1",
                **axes,
            )
            for logits in (
                self._untouched(maps, rows),
                self._wholly_replaced(fill, filling, rows),
            )
        )
        return np.concatenate([first, inner, last], axis=-1)

    def judge_groups(self, maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
        """SaCo: the picture without one of ten groups of pixels at a time."""
        edges = group_edges(math.prod(maps.sides))
        ranks = _ranks(maps, ORDERS[:1])
        groups = np.searchsorted(edges, ranks.cpu().numpy(), "right") - 1
        groups = groups.reshape(len(maps.methods), len(maps.items), -1)
        for fill, some in _by_fill(metrics):
            filling = FILLS[fill].function(maps.drawn, maps.classifier)
            spans = list(pairwise(edges))
            without = self._without(maps, fill, filling, ranks, spans, rows, _answers)[PROBABILITY]
            whole = _answers(maps, self._untouched(maps, rows), range(len(maps.items)))[PROBABILITY]
            drops = whole[:, None] - without.reshape(len(maps.methods), -1, GROUPS)
            for line, method in enumerate(maps.methods):
                relevance = relevance_on_input(maps.on_input(method)).astype(np.float64)
                for picture, item in enumerate(maps.items):
                    sums = np.bincount(groups[line, picture], relevance[picture].ravel())
                    rows.score(item, method.name, some, GroupCase(sums, drops[line, picture]))

    def _without(
        self,
        maps: ShardMaps,
        fill: str,
        filling: Tensor,
        ranks: Tensor,
        spans: Sequence[tuple[int, int]],
        rows: Rows,
        answers: Answers,
    ) -> NDArray[Any]:
        """(answer, rank x span): each picture, pixels within each span of each ranking replaced."""
        probes = [
            Probe(rank % len(maps.items), rank, *span)
            for rank in range(len(ranks))
            for span in spans
        ]
        rows.forwards += len(probes)
        logits = self.prober.logits(maps.drawn, filling, ranks, probes, FILLS[fill].replace)
        return answers(maps, logits, [probe.picture for probe in probes])

    def _untouched(self, maps: ShardMaps, rows: Rows) -> Tensor:
        """Logits of the pictures as they are."""
        if self.prober.precision is None:
            return precise(maps.logits)
        if self._untouched_logits[0] is not maps:
            self._untouched_logits = maps, self.prober.batched(maps.drawn)
            rows.forwards += len(maps.pixels)
        return self._untouched_logits[1]

    def _wholly_replaced(self, fill: str, filling: Tensor, rows: Rows) -> Tensor:
        """Logits (picture, class) of the pictures without any of their pixels."""
        if not FILLS[fill].uniform:
            rows.forwards += len(filling)
            return self.prober.batched(filling)
        key = (fill, *filling.shape[1:])
        if key not in self._replaced:
            self._replaced[key] = self.prober.forward(filling[:1])
        return self._replaced[key].expand(len(filling), -1)


def passes(metrics: Sequence[Metric], methods: int, patches: int, other_precision: bool) -> int:
    """Forward passes of a picture that these metrics take.

    The one pass a worker of a uniform fill is not counted.
    """
    curves = {one.fill for one in metrics if one.needs in (CurveCase, AccuracyCase)}
    groups = {one.fill for one in metrics if one.needs is GroupCase}
    gains = {one.fill for one in metrics if one.needs is LogitCase}
    ends = sum(not FILLS[fill].uniform for fill in (*curves, *gains))
    untouched = other_precision and bool(curves or groups or gains)
    steps = len(INNER) * len(curves) + len(patch_counts(patches)) * len(gains)
    removals = len(ORDERS) * steps + GROUPS * len(groups)
    return removals * methods + ends + untouched


def removed_counts(number: int) -> list[int]:
    """How many of so many pixels are gone at each step between the ends, rounded down."""
    return [int(share * number + 1e-6) for share in INNER]  # 0.29 * 100 is a little below 29


def patch_counts(patches: int) -> list[int]:
    """How many patches are gone at each step between the ends: groups of one size, but the last."""
    size = -(-patches // STEPS)
    return list(range(size, patches, size)) or [patches]


def group_edges(number: int) -> list[int]:
    """Where each group begins in the order of removal, and the end; sizes differ by one at most."""
    return [-(-group * number // GROUPS) for group in range(GROUPS + 1)]


def _by_fill(metrics: Sequence[Metric]) -> Iterator[tuple[str, list[Metric]]]:
    for fill in dict.fromkeys(metric.fill for metric in metrics):
        yield fill, [metric for metric in metrics if metric.fill == fill]


def _ranks(maps: ShardMaps, orders: Sequence[str]) -> Tensor:
    """(order x method x picture, *sides)."""
    relevance = [
        torch.from_numpy(relevance_on_input(maps.on_input(method))).to(maps.pixels.device)
        for method in maps.methods
    ]
    return torch.cat([rank_of(one, order) for order in orders for one in relevance])


def _answers(maps: ShardMaps, logits: Tensor, pictures: Sequence[int]) -> NDArray[Any]:
    """(2, row): the label's probability, and whether the label is predicted, in each row."""
    labels = maps.labels[torch.tensor(pictures, device=logits.device)]
    probability = weights_of(maps.classifier, logits).gather(1, labels[:, None])[:, 0]
    right = predicted(maps.classifier, logits) == labels
    return np.stack([probability.cpu().numpy(), right.cpu().numpy()])


def _label_logits(maps: ShardMaps, logits: Tensor, pictures: Sequence[int]) -> NDArray[Any]:
    """(1, row): the label's logit in each row."""
    labels = maps.labels[torch.tensor(pictures, device=logits.device)]
    return logits.gather(1, labels[:, None]).T.cpu().numpy()
