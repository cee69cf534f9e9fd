"""What a damaged store still says: rows are checked one by one, the bad ones counted."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from .rows import Failure, Record, SampleRow
from .stored_text import from_stored

Row = TypeVar("Row")
FAULTS: Final = (sqlite3.Error, UnicodeDecodeError)  # the second: an error's own words are damaged


@dataclass
class Damage:
    """How many rows or parts could not be read, and why the first could not."""

    number: int = 0
    reason: str = ""

    def note(self, reason: object) -> None:
        """One more."""
        self.number += 1
        self.reason = self.reason or str(reason)

    def sound(self, make: Callable[[Sequence[Any]], Row], values: Sequence[Any]) -> Row | None:
        """The row that the values make, or None, noted, where they make none."""
        try:
            return make(values)
        except (ValueError, TypeError, RecursionError) as error:
            self.note(error)
            return None


def sample_row(values: Sequence[Any]) -> SampleRow:
    """Raises ValueError for values of other kinds."""
    sample, name, label, prediction, probability = values
    return SampleRow(
        _count(sample),
        from_stored(name),
        _count(label),
        -1 if prediction == -1 else _count(prediction),
        None if probability is None else _finite(probability),
    )


def record(values: Sequence[Any]) -> Record:
    """Raises ValueError for values of other kinds."""
    sample, method, metric, value, curve = values
    points = None if curve is None else tuple(_finite(v) for v in json.loads(from_stored(curve)))
    number = None if value is None else _finite(value)
    if number is None and points is None:
        raise ValueError("a row has neither a number nor a curve")
    return Record(_count(sample), from_stored(method), from_stored(metric), number, points)


def failure(values: Sequence[Any]) -> Failure:
    """Raises ValueError for values of other kinds."""
    sample, *texts = values
    return Failure(_count(sample), *map(from_stored, texts))


def configuration_of(text: object) -> Mapping[str, Any]:
    """A run's description. Raises ValueError where a part that reports need is missing."""
    said = json.loads(from_stored(text))
    try:
        texts = [said["dataset"]["name"], said["model"]["name"], *said["methods"]]
        texts += [m[part] for m in said["metrics"].values() for part in ("test", "better", "fill")]
        _count(said["dataset"]["samples"])
        if any(m["better"] not in ("higher", "lower") for m in said["metrics"].values()):
            raise ValueError("what is better is neither higher nor lower")
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"a part of its description is missing: {error}") from error
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a part of its description is no text")
    if not said["methods"] or not said["metrics"]:
        raise ValueError("its description has no methods or metrics")
    return said  # type: ignore[no-any-return]


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number of a sample or class")
    return value


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)
