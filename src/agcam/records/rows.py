"""What a store holds: rows about samples, one number a (sample, method, metric), failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class SampleRow(NamedTuple):
    """One sample as the model answered it; `sample` is its number in the data set's order.

    `label` and `prediction` count in the model's classes; `probability` is the label's, None
    where the model has none; `prediction` is -1 where a class that stands alone is not the answer.
    """

    sample: int
    name: str
    label: int
    prediction: int
    probability: float | None


class Record(NamedTuple):
    """One number, and the curve behind it where there is one.

    A number of a whole set has none for a sample: `value` is None, `curve` what it is made of.
    """

    sample: int
    method: str
    metric: str
    value: float | None
    curve: tuple[float, ...] | None = None


class Failure(NamedTuple):
    """What could not be judged and why; `method` is empty where it concerns every method."""

    sample: int
    name: str
    method: str
    metric: str
    message: str


@dataclass(frozen=True)
class ShardRows:
    """All rows of one shard, and what they cost: forward passes (of one picture) and seconds."""

    samples: tuple[SampleRow, ...] = ()
    records: tuple[Record, ...] = ()
    failures: tuple[Failure, ...] = ()
    forwards: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Run:
    """A run as the store knows it; `key` is the hash of the whole configuration."""

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
