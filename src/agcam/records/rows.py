"""What a store holds, and how each row is checked as it is read: a damaged one is a ValueError."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .stored_text import from_stored


class SampleRow(NamedTuple):
    """One sample and the model's answer; `sample` is its number in the data set's order.

    `label` and `prediction` count in the model's classes; `probability` is the label's, None
    where the model has none; `prediction` is -1 where a class that stands alone is not the answer.
    """

    sample: int
    name: str
    label: int
    prediction: int
    probability: float | None

    @classmethod
    def read(cls, values: Sequence[Any]) -> SampleRow:
        """The row of a table's values."""
        sample, name, label, prediction, probability = values
        return cls(
            _count(sample),
            from_stored(name),
            _count(label),
            -1 if prediction == -1 else _count(prediction),
            None if probability is None else _finite(probability),
        )


class Record(NamedTuple):
    """One number, and the curve behind it where there is one.

    A number of a whole set has none for a sample: `value` is None, `curve` what it is made of.
    """

    sample: int
    method: str
    metric: str
    value: float | None
    curve: tuple[float, ...] | None = None

    @classmethod
    def read(cls, values: Sequence[Any]) -> Record:
        """The row of a table's values."""
        sample, method, metric, value, curve = values
        points = None if curve is None else tuple(map(_finite, json.loads(from_stored(curve))))
        number = None if value is None else _finite(value)
        if number is None and points is None:
            raise ValueError("a row has neither a number nor a curve")
        return cls(_count(sample), from_stored(method), from_stored(metric), number, points)


class Failure(NamedTuple):
    """What could not be judged and why; `method` is empty where it concerns every method."""

    sample: int
    name: str
    method: str
    metric: str
    message: str

    @classmethod
    def read(cls, values: Sequence[Any]) -> Failure:
        """The row of a table's values."""
        sample, *texts = values
        return cls(_count(sample), *map(from_stored, texts))


@dataclass(frozen=True)
class ShardRows:
    """All rows of one shard, and what they cost: forward passes (of one picture) and seconds.

    `stamp` states whether the pictures are still those that were judged; None if nobody knows.
    """

    samples: tuple[SampleRow, ...] = ()
    records: tuple[Record, ...] = ()
    failures: tuple[Failure, ...] = ()
    forwards: int = 0
    seconds: float = 0.0
    stamp: str | None = None


@dataclass(frozen=True)
class Run:
    """A run as it is stored; `key` is the hash of the whole configuration."""

    key: str
    configuration: Mapping[str, Any]
    shards: int
    started: str = ""
    finished: str = ""
    done: int = 0
    samples: int = 0
    failures: int = 0
    cost: Mapping[str, float] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The model's name, which for a file of weights is its path as it was given."""
        name = str(self.configuration["model"]["name"])
        source = self.configuration.get("source") or {}
        given = str(source.get("model", "")) if isinstance(source, Mapping) else ""
        file = given.replace("\\", "/").rpartition("/")[2]
        beginning = file != given and name.startswith(file)
        return given + name[len(file) :] if beginning else name


def read_configuration(text: object) -> Mapping[str, Any]:
    """A run's description. Raises ValueError where a part that reports need is missing."""
    stated: dict[str, Any] = json.loads(from_stored(text))
    try:
        texts = [stated["dataset"]["name"], stated["model"]["name"], *stated["methods"]]
        texts += [metric["better"] for metric in stated["metrics"].values()]
        _count(stated["dataset"]["samples"])
        if any(m["better"] not in ("higher", "lower") for m in stated["metrics"].values()):
            raise ValueError("what is better is neither higher nor lower")
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"a part of its description is missing: {error}") from error
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a part of its description is not text")
    if not stated["methods"] or not stated["metrics"]:
        raise ValueError("its description has no methods or metrics")
    return stated


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is not the number of a sample or class")
    return value


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a finite number")
    return float(value)
