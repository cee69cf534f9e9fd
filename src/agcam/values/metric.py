"""The row of the table of metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from .cases import BoxCase, CurveCase, GroupCase, MaskCase, MosaicCase


@dataclass(frozen=True)
class Metric:
    """A metric: a pure function from the case it needs to one number for one picture, never NaN.

    `chance` gives what a random map gets on average in that case, or is None where no formula is
    known (the chance rows of a table then tell). `on_empty` says what is returned for empty truth,
    for an empty prediction and for a constant map.
    """

    name: str
    function: Callable[[Any], float]
    needs: type[BoxCase] | type[MaskCase] | type[MosaicCase] | type[CurveCase] | type[GroupCase]
    better: Literal["higher", "lower"]
    chance: Callable[[Any], float] | None
    on_empty: str
    cite: str


@dataclass(frozen=True)
class SetMetric:
    """A number of a whole set that is no mean of pictures' numbers, never NaN.

    `numbers` gives what must be kept of one picture, a short array of whole numbers; `summary`
    makes the set's number of all pictures' (picture, number) and, in the same order, their names.
    """

    name: str
    numbers: Callable[[Any], NDArray[Any]]
    needs: type[BoxCase] | type[MaskCase]
    summary: Callable[[NDArray[Any], Sequence[str]], float]
    better: Literal["higher", "lower"]
    on_empty: str
    cite: str
