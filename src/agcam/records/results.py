"""A run's rows as arrays: sample x method for every metric, with the curves behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import DamageError
from .rows import Failure, Record, Run, SampleRow
from .store import Store

OURS: Final = "agcam"  # the method that the others are compared with
RANDOM_BASELINES: Final = ("random", "gaussian")  # in every table, whatever was chosen


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

    def __repr__(self) -> str:
        """What there is, on one line."""
        size = (
            f"{len(self.samples)} samples, {len(self.methods)} methods, {len(self.values)} metrics"
        )
        return f"<Results of run {self.run.key[:12]}: {size}, {len(self.failures)} failures>"

    @property
    def metrics(self) -> Mapping[str, Mapping[str, Any]]:
        """What is stored of each metric: which way is better, and what its numbers depend on."""
        found: Mapping[str, Mapping[str, Any]] = self.run.configuration["metrics"]
        return found


def read_results(store: Store, key: str = "") -> Results:
    """Read all of a run at one moment; what is damaged is skipped and counted in `store.damage`.

    Args:
        store: The store.
        key: The run's key or the beginning of it; empty: the last run.

    Raises:
        RunError: There is no such run, or there are several.
        DamageError: The description of the run is damaged.
    """
    with store.snapshot():
        run = store.run(key)
        if not run.configuration:
            raise DamageError(
                f"{store.path}: the description of run {run.key[:12]} is damaged "
                f"({store.damage.reason}), so that its rows cannot be summarized"
            )
        arrays = _Arrays(run, store.samples(run.key))
        for record in store.records(run.key):
            try:
                arrays.add(record)
            except ValueError as error:
                store.damage.note(error)
        return arrays.results(tuple(store.failures(run.key)))


class _Arrays:
    """Arrays that are filled record by record; curves are summed, for a large run has many."""

    def __init__(self, run: Run, samples: Sequence[SampleRow]) -> None:
        self.run, self.samples = run, samples
        self.methods = tuple(run.configuration["methods"])
        self.row = {sample.sample: index for index, sample in enumerate(samples)}
        self.column = {name: index for index, name in enumerate(self.methods)}
        self.shape = len(samples), len(self.methods)
        self.values = {name: np.full(self.shape, np.nan) for name in run.configuration["metrics"]}
        self.sets: dict[str, NDArray[np.float64]] = {}
        self.sums: dict[str, NDArray[np.float64]] = {}
        self.counts: dict[str, NDArray[np.float64]] = {}

    def add(self, record: Record) -> None:
        """Enter a record. Raises ValueError for one that fits nowhere."""
        row, column = self.row.get(record.sample), self.column.get(record.method)
        if row is None or column is None or record.metric not in self.values:
            raise ValueError(f"a row of {record[:3]} belongs to nothing in its run")
        metric, points = record.metric, len(record.curve or ())
        curves = self.sums if record.value is not None else self.sets
        if record.curve is not None:
            if metric not in curves:
                self._make_room(metric, points, summed=record.value is not None)
            if curves[metric].shape[-1] != points:
                raise ValueError(f"the curve of {record[:3]} has another length than the others")
        if record.value is None:
            self.sets[metric][row, column] = record.curve
            return
        self.values[metric][row, column] = record.value
        if record.curve is not None:
            self.sums[metric][column] += record.curve
            self.counts[metric][column] += 1

    def _make_room(self, metric: str, points: int, summed: bool) -> None:
        if summed:
            self.sums[metric] = np.zeros((len(self.methods), points))
            self.counts[metric] = np.zeros((len(self.methods), 1))
        else:
            self.sets[metric] = np.full((*self.shape, points), np.nan)

    def results(self, failures: tuple[Failure, ...]) -> Results:
        """The arrays, with the means of the curves."""
        means = {
            metric: np.where(count > 0, self.sums[metric] / np.maximum(count, 1), np.nan)
            for metric, count in self.counts.items()
        }
        return Results(
            self.run, tuple(self.samples), failures, self.methods, self.values, means, self.sets
        )
