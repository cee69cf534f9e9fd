"""A run's rows as arrays: sample x method for every metric, with the curves behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import DamageError
from .damage import Damage
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

    @property
    def measures(self) -> Mapping[str, Mapping[str, Any]]:
        """What each metric is: which is better, which test made it."""
        found: Mapping[str, Mapping[str, Any]] = self.run.configuration["metrics"]
        return found


def read_results(store: Store, key: str = "") -> Results:
    """All of a run at one moment, which may be named by the beginning of its key.

    What is damaged is left out and counted in `store.damage`. Raises RunError for no such run,
    DamageError for one whose description is damaged.
    """
    with store.snapshot():
        run = store.run(key)
        if not run.configuration:
            raise DamageError(
                f"{store.path}: the description of run {run.key[:12]} is damaged "
                f"({store.damage.reason}), so that its rows cannot be summarized"
            )
        filled = _Tables(run, store.samples(run.key), store.damage)
        for record in store.records(run.key):
            filled.add(record)
        return filled.results(tuple(store.failures(run.key)))


class _Tables:
    """Arrays that are filled record by record; one that fits nowhere is damage."""

    def __init__(self, run: Run, samples: Sequence[SampleRow], damage: Damage) -> None:
        self.run, self.samples, self.damage = run, samples, damage
        self.methods = tuple(run.configuration["methods"])
        self.row = {sample.sample: index for index, sample in enumerate(samples)}
        self.column = {name: index for index, name in enumerate(self.methods)}
        shape = len(samples), len(self.methods)
        self.values = {name: np.full(shape, np.nan) for name in run.configuration["metrics"]}
        self.curves = _Curves(len(self.methods))
        self.sets: dict[str, NDArray[np.float64]] = {}

    def add(self, record: Record) -> None:
        if (
            record.sample not in self.row
            or record.method not in self.column
            or record.metric not in self.values
        ):
            self.damage.note(f"a row of {record[:3]} belongs to nothing in its run")
            return
        place = self.row[record.sample], self.column[record.method]
        try:
            if record.value is None:
                self._keep(record.metric, place, record.curve or ())
                return
            if record.curve is not None:
                self.curves.add(record.metric, place[1], record.curve)
            self.values[record.metric][place] = record.value
        except ValueError:
            self.damage.note(f"the curve of {record[:3]} has another length than the others")

    def _keep(self, metric: str, place: tuple[int, int], numbers: Sequence[float]) -> None:
        shape = (len(self.samples), len(self.methods), len(numbers))
        kept = self.sets.setdefault(metric, np.full(shape, np.nan))
        if kept.shape != shape:
            raise ValueError
        kept[place] = numbers

    def results(self, failures: tuple[Failure, ...]) -> Results:
        return Results(
            self.run,
            tuple(self.samples),
            failures,
            self.methods,
            self.values,
            self.curves.means(),
            self.sets,
        )


class _Curves:
    """Means of curves, summed as they come: a large run's curves need not be held."""

    def __init__(self, methods: int) -> None:
        self.methods = methods
        self.sums: dict[str, NDArray[np.float64]] = {}
        self.counts: dict[str, NDArray[np.float64]] = {}

    def add(self, metric: str, method: int, curve: tuple[float, ...]) -> None:
        """Raises ValueError for a curve of another length than the metric's first."""
        if metric not in self.sums:
            self.sums[metric] = np.zeros((self.methods, len(curve)))
            self.counts[metric] = np.zeros((self.methods, 1))
        if self.sums[metric].shape[1] != len(curve):
            raise ValueError
        self.sums[metric][method] += curve
        self.counts[metric][method] += 1

    def means(self) -> dict[str, NDArray[np.float64]]:
        found = {}
        for metric, sums in self.sums.items():
            count = self.counts[metric]
            found[metric] = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
        return found
