"""Means of a run with bootstrap intervals, and paired differences on the same pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .results import OURS, Results

if TYPE_CHECKING:  # they would bring torch, which a store does without
    from ..values import Axes, Metric

RESAMPLES: Final = 2000
SEED: Final = 0
LEVEL: Final = 95  # per cent
SET_RESAMPLES: Final = 200  # of numbers that are not a mean, which cost more
_TAILS: Final = (50 - LEVEL / 2, 50 + LEVEL / 2)
_CELLS: Final = 4_000_000  # numbers held at once while resampling


OfSet = Callable[[NDArray[Any], Sequence[str]], float]


class Estimate(NamedTuple):
    """A mean, its 95 % percentile bootstrap interval, and how many samples it is of."""

    mean: float
    low: float
    high: float
    number: int


_NONE: Final = Estimate(float("nan"), float("nan"), float("nan"), 0)


@dataclass(frozen=True)
class Column:
    """One metric: each method's mean, and each one's difference from ours on the same samples.

    A method without a number has no entry; ours has no difference from itself.

    Attributes:
        heading: The table of a report that the metric belongs to.
        sentence: What it measures.
        axes: How its mean curve is drawn; None: it is not.
    """

    metric: str
    better: str
    means: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]
    heading: str = "Metrics"
    sentence: str = ""
    axes: Axes | None = None

    def __repr__(self) -> str:
        """The means, on one line."""
        means = ", ".join(f"{method} {found.mean:.4f}" for method, found in self.means.items())
        return f"<Column {self.metric}, {self.better} is better: {means}>"

    @property
    def best(self) -> tuple[str, ...]:
        """The methods with the best mean: one, or those that share it."""
        means = {name: found.mean for name, found in self.means.items()}
        if not means:
            return ()
        best = max(means.values()) if self.better == "higher" else min(means.values())
        return tuple(name for name, mean in means.items() if mean == best)


def summarize(results: Results, metrics: Mapping[str, Metric]) -> list[Column]:
    """A column for each metric, in the order in which they were chosen.

    Args:
        results: The numbers of a run.
        metrics: The table of metrics. One that is not in it has a column without a description, or
            none if it is of the whole set.
    """
    known = {name: metrics.get(name) for name in results.values}
    return [
        _column(results, name, metric)
        for name, metric in known.items()
        if name not in results.sets or (metric is not None and metric.of_set is not None)
    ]


def _column(results: Results, name: str, metric: Metric | None) -> Column:
    ours = _ours(results)
    if name in results.sets and metric is not None and metric.of_set is not None:
        pictures = [sample.name for sample in results.samples]
        means, differences = set_estimates(results.sets[name], pictures, metric.of_set, ours)
    else:
        values = results.values[name]
        means = estimates(values)
        differences = [] if ours is None else estimates(values - values[:, [ours]])
    column = Column(
        name,
        str(results.metrics[name]["better"]),
        {method: mean for method, mean in zip(results.methods, means, strict=True) if mean.number},
        {
            method: difference
            for method, difference in zip(results.methods, differences, strict=False)
            if difference.number and method != OURS
        },
    )
    if metric is None:
        return column
    return replace(column, heading=metric.heading, sentence=metric.sentence, axes=metric.axes)


def _ours(results: Results) -> int | None:
    return results.methods.index(OURS) if OURS in results.methods else None


def set_estimates(
    rows: NDArray[np.float64], names: Sequence[str], of_set: OfSet, ours: int | None
) -> tuple[list[Estimate], list[Estimate]]:
    """The same for a number of the whole set: of each method, and of its difference from ours.

    Args:
        rows: (sample, method, number), what each picture's numbers are.
        names: The samples' names.
        of_set: Makes the set's number of one method's rows and their names.
        ours: The position of our method, if it is there.
    """
    complete = ~np.isnan(rows).any(axis=(1, 2))  # the samples that every method has
    rows, kept = rows[complete], np.array(names, dtype=object)[complete]
    if not len(rows):
        return [_NONE] * rows.shape[1], []

    def made(index: NDArray[Any]) -> NDArray[np.float64]:
        there = list(kept[index])
        return np.array([of_set(one[index], there) for one in rows.transpose(1, 0, 2)])

    generator = np.random.default_rng(SEED)
    drawn = np.stack(
        [made(generator.integers(0, len(rows), len(rows))) for _ in range(SET_RESAMPLES)]
    )
    found = made(np.arange(len(rows)))
    differences = []
    if ours is not None:
        differences = _with_tails(found - found[ours], drawn - drawn[:, [ours]], len(rows))
    return _with_tails(found, drawn, len(rows)), differences


def _with_tails(
    found: NDArray[np.float64], drawn: NDArray[np.float64], number: int
) -> list[Estimate]:
    low, high = np.percentile(drawn, _TAILS, axis=0)
    return [
        Estimate(float(a), float(b), float(c), number)
        for a, b, c in zip(found, low, high, strict=True)
    ]


def estimates(values: NDArray[np.float64]) -> list[Estimate]:
    """Of each column of (sample, method), without NaN; the same resamples for all columns."""
    seen = ~np.isnan(values)
    filled = np.where(seen, values, 0.0)
    counts = seen.sum(axis=0)
    means = filled.sum(axis=0) / np.maximum(counts, 1)
    if not len(values):
        return [_NONE] * values.shape[1]
    parts = [
        (weights @ filled) / np.where(total > 0, total, np.nan)
        for weights in _weights(len(values))
        for total in [weights @ seen]
    ]
    resampled = np.concatenate(parts)
    found = []
    for column, (mean, count) in enumerate(zip(means, counts, strict=True)):
        drawn = resampled[:, column]
        drawn = drawn[~np.isnan(drawn)]
        low, high = np.percentile(drawn, _TAILS) if count else (np.nan, np.nan)
        found.append(Estimate(float(mean), float(low), float(high), int(count)))
    return found


def _weights(samples: int) -> Iterator[NDArray[np.float64]]:
    """How often each sample is in each of some resamples, (resample, sample); seeded."""
    generator = np.random.default_rng(SEED)
    at_once = max(1, _CELLS // samples)
    for start in range(0, RESAMPLES, at_once):
        some = min(at_once, RESAMPLES - start)
        drawn = generator.integers(0, samples, (some, samples))
        drawn += np.arange(some)[:, None] * samples
        yield (
            np.bincount(drawn.ravel(), minlength=some * samples)
            .reshape(some, samples)
            .astype(np.float64)
        )
