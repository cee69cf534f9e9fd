"""What the model predicts while pixels are replaced: all pictures and methods at once, none twice.

The untouched picture's answer is the recording's, or one pass where another precision is chosen;
that of the wholly replaced picture takes one pass a worker if the fill is one colour, else one a
picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..metrics.perturbation import INNER
from ..values import AccuracyCase, CurveCase, GroupCase, Metric, precise, predicted, weights_of
from .fills import FILLS
from .probing import Probe, Prober, rank_of, relevance_on_input
from .rows import Rows
from .shard_maps import ShardMaps

ORDERS: Final = ("morf", "lerf")
GROUPS: Final = 10
PROBABILITY, RIGHT = 0, 1  # of what `_answers` gives


class Perturbation:
    """Makes curves and groups; keeps what the shards of a worker share."""

    def __init__(self, prober: Prober) -> None:
        self.prober = prober
        self._replaced: dict[tuple[Any, ...], Tensor] = {}
        self._untouched_logits: tuple[ShardMaps | None, Tensor] = (None, torch.empty(0))

    def judge_curves(self, maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
        """MoRF, LeRF and what is read from them, with every fill that the metrics name."""
        ranks = _ranks(maps, ORDERS)
        for fill in dict.fromkeys(metric.fill for metric in metrics):
            some = [metric for metric in metrics if metric.fill == fill]
            curves = self._curves(maps, fill, ranks, rows)
            for line, method in enumerate(maps.methods):
                for picture, item in enumerate(maps.items):
                    probability, right = curves[:, :, line, picture]
                    rows.score(item, method.name, some, CurveCase(*probability))
                    rows.score(item, method.name, some, AccuracyCase(*right))

    def _curves(self, maps: ShardMaps, fill: str, ranks: Tensor, rows: Rows) -> NDArray[Any]:
        """(answer, order, method, picture, step)."""
        pixels = maps.pixels
        filling = FILLS[fill].function(pixels, maps.classifier)
        counts = removed_counts(pixels.shape[-2] * pixels.shape[-1])
        probes = [
            Probe(rank % len(pixels), rank, 0, count)
            for rank in range(len(ranks))
            for count in counts
        ]
        logits = self.prober.logits(pixels, filling, ranks, probes)
        rows.forwards += len(probes)
        inner = _answers(maps, logits, [probe.picture for probe in probes])
        inner = inner.reshape(2, len(ORDERS), len(maps.methods), len(pixels), len(counts))
        every = range(len(pixels))
        ends = [
            np.broadcast_to(
                _answers(maps, end, every)[:, None, None, :, None], (*inner.shape[:-1], 1)
            )
            for end in (self._untouched(maps, rows), self._wholly_replaced(fill, filling, rows))
        ]
        return np.concatenate([ends[0], inner, ends[1]], axis=-1)

    def judge_groups(self, maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
        """SaCo: the picture without one of ten groups of pixels at a time."""
        pixels = maps.pixels
        edges = group_edges(pixels.shape[-2] * pixels.shape[-1])
        ranks = _ranks(maps, ORDERS[:1])
        probes = [
            Probe(rank % len(pixels), rank, *edges[group : group + 2])
            for rank in range(len(ranks))
            for group in range(GROUPS)
        ]
        for fill in dict.fromkeys(metric.fill for metric in metrics):
            some = [metric for metric in metrics if metric.fill == fill]
            filling = FILLS[fill].function(pixels, maps.classifier)
            logits = self.prober.logits(pixels, filling, ranks, probes)
            rows.forwards += len(probes)
            without = _answers(maps, logits, [probe.picture for probe in probes])[PROBABILITY]
            whole = _answers(maps, self._untouched(maps, rows), range(len(pixels)))[PROBABILITY]
            drops = whole[:, None] - without.reshape(-1, len(pixels), GROUPS)
            for line, method in enumerate(maps.methods):
                relevance = relevance_on_input(maps.maps(method), maps.size)
                for picture, item in enumerate(maps.items):
                    members = ranks[line * len(pixels) + picture].flatten().cpu().numpy()
                    group = np.searchsorted(edges, members, "right") - 1
                    sums = np.bincount(group, relevance[picture].reshape(-1).astype(np.float64))
                    rows.score(item, method.name, some, GroupCase(sums, drops[line, picture]))

    def _untouched(self, maps: ShardMaps, rows: Rows) -> Tensor:
        """Logits of the pictures as they are."""
        if self.prober.precision is None:
            return precise(maps.logits)
        if self._untouched_logits[0] is not maps:
            self._untouched_logits = maps, self.prober.batched(maps.pixels)
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


def passes(metrics: Sequence[Metric], methods: int, other_precision: bool) -> int:
    """Forward passes of a picture that these metrics take.

    The one pass a worker of a uniform fill is not counted.
    """
    curves = {one.fill for one in metrics if one.needs in (CurveCase, AccuracyCase)}
    groups = {one.fill for one in metrics if one.needs is GroupCase}
    ends = sum(not FILLS[fill].uniform for fill in curves)
    untouched = other_precision and bool(curves or groups)
    removals = len(ORDERS) * len(INNER) * len(curves) + GROUPS * len(groups)
    return removals * methods + ends + untouched


def removed_counts(number: int) -> list[int]:
    """How many of so many pixels are gone at each step between the ends, rounded down."""
    return [int(share * number + 1e-6) for share in INNER]  # 0.29 * 100 is a little below 29


def group_edges(number: int) -> list[int]:
    """Where each group begins in the order of removal, and the end; sizes differ by one at most."""
    return [-(-group * number // GROUPS) for group in range(GROUPS + 1)]


def _ranks(maps: ShardMaps, orders: Sequence[str]) -> Tensor:
    """(order x method x picture, row, column)."""
    relevance = [
        torch.from_numpy(relevance_on_input(maps.maps(method), maps.size)).to(maps.pixels.device)
        for method in maps.methods
    ]
    return torch.cat([rank_of(one, order) for order in orders for one in relevance])


def _answers(maps: ShardMaps, logits: Tensor, pictures: Sequence[int]) -> NDArray[Any]:
    """(2, row): the label's probability, and whether the label is predicted, in each row."""
    labels = maps.labels[torch.tensor(pictures, device=logits.device)]
    probability = weights_of(maps.classifier, logits).gather(1, labels[:, None])[:, 0]
    right = predicted(maps.classifier, logits) == labels
    return np.stack([probability.cpu().numpy(), right.cpu().numpy()])
