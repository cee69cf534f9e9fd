"""What the model says while pixels go: batched over pictures and methods, no picture twice.

The torch twin of `metrics.perturbation`: same orders, same counts. The untouched picture's answer
is the recording's, or one pass where another precision is asked for; that of the wholly replaced
one is asked once a worker where the fill is one colour, else once a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from torch import Tensor

from ..errors import ModelError
from ..metrics.perturbation import FILLS, INNER, SHARES, abpc, area, black
from ..metrics.saco import GROUPS, saco
from ..values import CurveCase, GroupCase, predicted, weights_of
from .batch import Rows, ShardMaps, precise
from .measures import Measure
from .probing import Probe, Prober, rank_of, relevance_on_input

ORDERS: Final = ("morf", "lerf")


class Perturbation:
    """The curves and groups of one shard; keeps what is shared between shards of a worker."""

    def __init__(self, prober: Prober) -> None:
        self.prober = prober
        self._blank: dict[tuple[Any, ...], Tensor] = {}
        self._last: tuple[ShardMaps | None, Tensor] = (None, torch.empty(0))

    def curves(self, asked: ShardMaps, measures: Sequence[Measure], book: Rows) -> None:
        """MoRF, LeRF and what is read from them, for every fill that is wanted."""
        ranks = self._ranks(asked, ORDERS)
        for fill in dict.fromkeys(measure.fill for measure in measures):
            some = [measure for measure in measures if measure.fill == fill]
            self._one_fill(asked, fill, some, ranks, book)

    def groups(self, asked: ShardMaps, measures: Sequence[Measure], book: Rows) -> None:
        """SaCo: the picture without one of ten groups of pixels at a time."""
        (measure,) = measures
        pixels = asked.pixels
        number = pixels.shape[-2] * pixels.shape[-1]
        edges = [-(-group * number // GROUPS) for group in range(GROUPS + 1)]
        ranks = self._ranks(asked, ("morf",))
        probes = [
            Probe(rank % len(pixels), rank, *edges[group : group + 2])
            for rank in range(len(ranks))
            for group in range(GROUPS)
        ]
        filling = self._filling(asked, measure.fill)
        logits = self.prober.ask(pixels, filling, ranks, probes)
        book.forwards += len(probes)
        whole = self._whole(asked, book)
        lost = _held(logits, asked, probes).reshape(-1, len(pixels), GROUPS)
        before = _held_each(whole, asked, asked.labels)
        for line, method in enumerate(asked.methods):
            relevance = relevance_on_input(asked.maps(method), asked.size)
            for picture, item in enumerate(asked.items):
                members = ranks[line * len(pixels) + picture].flatten().cpu().numpy()
                weights = relevance[picture].reshape(-1).astype(np.float64)
                sums = np.bincount(np.searchsorted(edges, members, "right") - 1, weights)
                case = GroupCase(sums, before[picture] - lost[line, picture])
                book.note(item, method.name, measure.name, saco(case), case.drops)

    def forwards(self, fills: Sequence[str], groups: bool, methods: int) -> int:
        """Passes a picture takes here, but for the one pass a worker of a fill of one colour."""
        each = 2 * len(INNER) * methods * len(fills)
        ends = sum(fill not in {"zero", "black"} for fill in fills)
        again = self.prober.precision is not None and bool(fills or groups)
        return each + ends + again + groups * GROUPS * methods

    def _one_fill(
        self, asked: ShardMaps, fill: str, measures: Sequence[Measure], ranks: Tensor, book: Rows
    ) -> None:
        pixels, filling = asked.pixels, self._filling(asked, fill)
        number = pixels.shape[-2] * pixels.shape[-1]
        counts = [int(share * number + 1e-6) for share in INNER]
        probes = [
            Probe(rank % len(pixels), rank, 0, n) for rank in range(len(ranks)) for n in counts
        ]
        logits = self.prober.ask(pixels, filling, ranks, probes)
        book.forwards += len(probes)
        ends = self._whole(asked, book), self._empty(fill, filling, book)
        shape = (len(ORDERS), len(asked.methods), len(pixels), len(counts))
        inner = _held(logits, asked, probes).reshape(shape)
        right = _right(logits, asked, probes).reshape(shape)
        first, last = (_held_each(end, asked, asked.labels) for end in ends)
        first_right, last_right = (_right_each(end, asked, asked.labels) for end in ends)
        for line, method in enumerate(asked.methods):
            for picture, item in enumerate(asked.items):
                said = [
                    np.array([first[picture], *c, last[picture]]) for c in inner[:, line, picture]
                ]
                hits = [
                    np.array([first_right[picture], *c, last_right[picture]], dtype=float)
                    for c in right[:, line, picture]
                ]
                found = _read(CurveCase(*said), hits)
                for measure in measures:
                    value, curve = found[measure.name.removesuffix(f"_{fill}")]
                    book.note(item, method.name, measure.name, value, curve)

    def _ranks(self, asked: ShardMaps, orders: Sequence[str]) -> Tensor:
        """(order x method x picture, row, column)."""
        size = asked.size
        maps = [
            torch.from_numpy(relevance_on_input(asked.maps(method), size)).to(asked.pixels.device)
            for method in asked.methods
        ]
        return torch.cat([rank_of(relevance, order) for order in orders for relevance in maps])

    def _filling(self, asked: ShardMaps, fill: str) -> Tensor:
        if fill == "black":
            preparation = asked.classifier.preparation
            if preparation is None:
                raise ModelError(f"{asked.classifier.name}: what is black to it is not known")
            shade = torch.from_numpy(black(preparation.mean, preparation.std))
            return shade.to(asked.pixels).expand(asked.pixels.shape)
        if fill == "zero":
            return torch.zeros_like(asked.pixels)
        pictures = precise(asked.pixels).cpu().numpy()
        return torch.from_numpy(np.stack([FILLS[fill](one) for one in pictures])).to(asked.pixels)

    def _whole(self, asked: ShardMaps, book: Rows) -> Tensor:
        """Logits of the untouched pictures."""
        if self.prober.precision is None:
            return precise(asked.logits)
        if self._last[0] is not asked:
            parts = torch.split(asked.pixels, self.prober.batch_size)
            self._last = asked, torch.cat([self.prober.forward(part) for part in parts])
            book.forwards += len(asked.pixels)
        return self._last[1]

    def _empty(self, fill: str, filling: Tensor, book: Rows) -> Tensor:
        """Logits of the wholly replaced pictures, (picture or 1, class)."""
        if fill not in {"zero", "black"}:
            book.forwards += len(filling)
            parts = torch.split(filling, self.prober.batch_size)
            return torch.cat([self.prober.forward(part) for part in parts])
        key = (fill, *filling.shape[1:])
        if key not in self._blank:
            self._blank[key] = self.prober.forward(filling[:1])
        return self._blank[key].expand(len(filling), -1)


def _read(case: CurveCase, hits: list[NDArray[Any]]) -> dict[str, tuple[float, NDArray[Any]]]:
    """Every number that is read from the two curves, with its curve."""
    return {
        "morf": (area(case.morf), case.morf),
        "lerf": (area(case.lerf), case.lerf),
        "abpc": (abpc(case), case.lerf - case.morf),
        "positive_accuracy": (float(hits[0][1:-1].mean()), hits[0]),
        "negative_accuracy": (float(hits[1][1:-1].mean()), hits[1]),
        "deletion": (float(trapezoid(case.morf, SHARES)), case.morf),
        "insertion": (float(trapezoid(case.lerf, SHARES)), case.lerf[::-1]),
    }


def _labels(labels: Tensor, probes: Sequence[Probe]) -> Tensor:
    return labels[torch.tensor([probe.picture for probe in probes], device=labels.device)]


def _held(logits: Tensor, asked: ShardMaps, probes: Sequence[Probe]) -> NDArray[Any]:
    return _held_each(logits, asked, _labels(asked.labels, probes))


def _right(logits: Tensor, asked: ShardMaps, probes: Sequence[Probe]) -> NDArray[Any]:
    return _right_each(logits, asked, _labels(asked.labels, probes))


def _held_each(logits: Tensor, asked: ShardMaps, labels: Tensor) -> NDArray[Any]:
    """The label's probability in each row."""
    held = weights_of(asked.classifier, logits)
    return np.asarray(held.gather(1, labels[:, None])[:, 0].cpu().numpy())


def _right_each(logits: Tensor, asked: ShardMaps, labels: Tensor) -> NDArray[Any]:
    return np.asarray((predicted(asked.classifier, logits) == labels).cpu().numpy())
