"""The rows of a shard while they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import MetricError
from ..records import Failure, Record, SampleRow
from ..values import Case, Metric, Sample
from .items import Item


@dataclass
class Rows:
    """Samples, numbers and failures, and the forward passes of one picture that they took."""

    samples: list[SampleRow] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    forwards: int = 0

    def fail(
        self, number: int, sample: Sample, what: str, message: object, method: str = ""
    ) -> None:
        """Store that something could not be judged, and why."""
        self.failures.append(Failure(number, sample.name, method, what, str(message)))

    def score(self, item: Item, method: str, metrics: Sequence[Metric], case: Case) -> None:
        """Store what those metrics that need this kind of case make of it.

        A number that is not finite is a failure, never a silent NaN.
        """
        for metric in metrics:
            if metric.needs is not type(case):
                continue
            try:
                self.records.append(_record(item.number, method, metric, case))
            except MetricError as error:
                self.fail(item.number, item.sample, metric.name, error, method)

    def add(self, other: Rows) -> None:
        """Append another's rows."""
        self.samples += other.samples
        self.records += other.records
        self.failures += other.failures
        self.forwards += other.forwards


def _record(number: int, method: str, metric: Metric, case: Case) -> Record:
    value = np.asarray(metric.function(case), dtype=np.float64)
    if not np.isfinite(value).all():
        raise MetricError("it gave no finite number")
    if metric.of_set is not None:
        return Record(number, method, metric.name, None, tuple(map(float, value)))
    curve = None if metric.curve is None else tuple(map(float, metric.curve(case)))
    return Record(number, method, metric.name, float(value), curve)
