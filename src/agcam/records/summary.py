"""Means of a run with bootstrap intervals, and paired differences on the same pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .results import OURS, Results

RESAMPLES: Final = 2000
SEED: Final = 0
LEVEL: Final = 95  # per cent
_CELLS: Final = 4_000_000  # numbers held at once while resampling


class Estimate(NamedTuple):
    """A mean, its 95 % percentile bootstrap interval, and how many samples it is of."""

    mean: float
    low: float
    high: float
    number: int


@dataclass(frozen=True)
class Column:
    """One metric: each method's mean, and each one's difference from ours on the same samples.

    A method without a number has no entry; ours has no difference from itself.
    """

    metric: str
    better: str
    means: Mapping[str, Estimate]
    differences: Mapping[str, Estimate]

    @property
    def best(self) -> tuple[str, ...]:
        """The methods with the best mean: one, or those that share it."""
        means = {name: found.mean for name, found in self.means.items()}
        if not means:
            return ()
        best = max(means.values()) if self.better == "higher" else min(means.values())
        return tuple(name for name, mean in means.items() if mean == best)


def summarize(results: Results) -> list[Column]:
    """A column for each metric, in the order in which they were asked for."""
    return [_column(results, metric) for metric in results.values]


def _column(results: Results, metric: str) -> Column:
    values = results.values[metric]
    means = dict(zip(results.methods, estimates(values), strict=True))
    differences = {}
    if OURS in results.methods:
        ours = values[:, [results.methods.index(OURS)]]
        pairs = zip(results.methods, estimates(values - ours), strict=True)
        differences = {name: found for name, found in pairs if name != OURS}
    return Column(
        metric,
        str(results.measures[metric]["better"]),
        {name: found for name, found in means.items() if found.number},
        {name: found for name, found in differences.items() if found.number},
    )


def estimates(values: NDArray[np.float64]) -> list[Estimate]:
    """Of each column of (sample, method), NaN left out; the same resamples for all columns."""
    seen = ~np.isnan(values)
    filled = np.where(seen, values, 0.0)
    counts = seen.sum(axis=0)
    means = filled.sum(axis=0) / np.maximum(counts, 1)
    if not len(values):
        return [Estimate(float("nan"), float("nan"), float("nan"), 0)] * values.shape[1]
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
        tails = (50 - LEVEL / 2, 50 + LEVEL / 2)
        low, high = np.percentile(drawn, tails) if count else (np.nan, np.nan)
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
