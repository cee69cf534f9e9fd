"""The rows of the tables of methods and metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

from .cases import BoxCase, CurveCase, GroupCase, MosaicCase
from .trace import Trace


@dataclass(frozen=True)
class Method:
    """A method: a pure function from the evidence it needs to relevance per patch.

    `passes` says in words what it costs beside a plain forward pass.
    """

    name: str
    function: Callable[[Any], Float[Tensor, "batch patch"]]
    needs: type[Trace]
    class_specific: bool
    passes: str
    cite: str


@dataclass(frozen=True)
class Metric:
    """A metric: a pure function from the case it needs to one number for one picture, never NaN.

    `chance` gives what a random map gets on average in that case, or is None where no formula is
    known (the chance rows of a table then tell). `on_empty` says what is returned for empty truth,
    for an empty prediction and for a constant map.
    """

    name: str
    function: Callable[[Any], float]
    needs: type[BoxCase] | type[MosaicCase] | type[CurveCase] | type[GroupCase]
    better: Literal["higher", "lower"]
    chance: Callable[[Any], float] | None
    on_empty: str
    cite: str
