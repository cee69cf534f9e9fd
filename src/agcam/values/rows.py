"""The rows of the tables of methods and metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

from .cases import BoxCase, CurveCase, GroupCase, MosaicCase
from .evidence import Trace
from .picture import Grid


@dataclass(frozen=True)
class Method:
    """A method: a pure function from the evidence it needs to relevance per patch.

    `passes` says in words what it costs beside a plain forward pass. `asks` tells, for methods that
    ask the model again, how many pictures they give it for one target of one picture. `checked`
    says what numbers it was compared with, beside its slow twin in the tests.
    """

    name: str
    function: Callable[[Any], Float[Tensor, "batch patch"]]
    needs: type[Trace]
    class_specific: bool
    passes: str
    cite: str
    asks: Callable[[Grid], int] | None = None
    checked: str = ""


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
