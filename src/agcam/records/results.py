"""A run's rows as arrays: sample x method for every metric, with the curves behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .rows import Failure, Run, SampleRow
from .store import Store

OURS: Final = "agcam"  # the method that the others are compared with


@dataclass(frozen=True)
class Results:
    """`values[metric]` is (sample, method), NaN where there is no number, rows as in `samples`.

    `curves[metric]` is (method, point), the mean of the samples' curves, where there are any.
    `sets[metric]` is, for a number of the whole set, (sample, method, number) of which it is made.
    """

    run: Run
    samples: tuple[SampleRow, ...]
    failures: tuple[Failure, ...]
    methods: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    curves: Mapping[str, NDArray[np.float64]]
    sets: Mapping[str, NDArray[np.float64]]

    @property
    def measures(self) -> Mapping[str, Mapping[str, Any]]:
        """What each metric is: which is better, which test made it."""
        found: Mapping[str, Mapping[str, Any]] = self.run.configuration["metrics"]
        return found


def read_results(store: Store, key: str = "") -> Results:
    """All of a run, which may be named by the beginning of its key. Raises RunError."""
    run = store.run(key)
    samples = store.samples(run.key)
    methods = tuple(run.configuration["methods"])
    metrics = tuple(run.configuration["metrics"])
    row = {sample.sample: index for index, sample in enumerate(samples)}
    column = {name: index for index, name in enumerate(methods)}
    values = {name: np.full((len(samples), len(methods)), np.nan) for name in metrics}
    curves = _Curves(len(methods))
    sets: dict[str, NDArray[np.float64]] = {}
    for record in store.records(run.key):
        place = row[record.sample], column[record.method]
        if record.value is not None:
            values[record.metric][place] = record.value
        elif record.curve is not None:
            shape = (len(samples), len(methods), len(record.curve))
            sets.setdefault(record.metric, np.full(shape, np.nan))[place] = record.curve
            continue
        if record.curve is not None:
            curves.add(record.metric, column[record.method], record.curve)
    failures = tuple(store.failures(run.key))
    return Results(run, tuple(samples), failures, methods, values, curves.means(), sets)


class _Curves:
    """Means of curves, summed as they come: a large run's curves need not be held."""

    def __init__(self, methods: int) -> None:
        self.methods = methods
        self.sums: dict[str, NDArray[np.float64]] = {}
        self.counts: dict[str, NDArray[np.float64]] = {}

    def add(self, metric: str, method: int, curve: tuple[float, ...]) -> None:
        if metric not in self.sums:
            self.sums[metric] = np.zeros((self.methods, len(curve)))
            self.counts[metric] = np.zeros((self.methods, 1))
        self.sums[metric][method] += curve
        self.counts[metric][method] += 1

    def means(self) -> dict[str, NDArray[np.float64]]:
        found = {}
        for metric, sums in self.sums.items():
            count = self.counts[metric]
            found[metric] = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
        return found
