"""What metrics read: one picture, its map, and what the map is judged by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BoxCase:
    """One map and the annotated boxes.

    Attributes:
        relevance: (row, column), raw, NaN where the model never saw the picture.
        boxes: (box, 4): left, top, right, bottom in pixels of the map, right and bottom exclusive.

    """

    relevance: NDArray[Any]
    boxes: NDArray[Any]


@dataclass(frozen=True, eq=False)
class MaskCase:
    """One map and the annotated mask, both (row, column) of one size.

    Attributes:
        relevance: Raw, NaN where the model never saw the picture.
        mask: 1 on the class, 0 off it, -1 where nothing is judged.

    """

    relevance: NDArray[Any]
    mask: NDArray[Any]


class PictureMaskCase(MaskCase):
    """The same at the picture's own size, not at that of the model's input."""


@dataclass(frozen=True, eq=False)
class PartCase:
    """The parts of an object that pictures without them exist of.

    Attributes:
        relevance: (part,), the sum of the map's relevance in each part.
        drops: (part,), the logit of the label that is lost without each part.

    """

    relevance: NDArray[Any]
    drops: NDArray[Any]


@dataclass(frozen=True, eq=False)
class CurveCase:
    """The label's probability while pixels are replaced, from the whole picture to none of it.

    Attributes:
        morf: (step,), most relevant pixels first.
        lerf: (step,), least relevant pixels first. Both share their first and last pictures.

    """

    morf: NDArray[Any]
    lerf: NDArray[Any]


class AccuracyCase(CurveCase):
    """The same of whether the model still predicts the label (1 or 0)."""


class LogitCase(CurveCase):
    """The same of the label's logit, while patches are replaced group by group."""


@dataclass(frozen=True, eq=False)
class GroupCase:
    """Pixels in groups of one size, the most relevant group first.

    Attributes:
        relevance: (group,), the sum of the group's relevance.
        drops: (group,), the probability of the label that is lost without the group.

    """

    relevance: NDArray[Any]
    drops: NDArray[Any]


@dataclass(frozen=True, eq=False)
class OtherClassCase:
    """The label's map and that of the least probable class, both (row, column)."""

    relevance: NDArray[Any]
    other: NDArray[Any]


@dataclass(frozen=True, eq=False)
class RandomizedCase:
    """The map (row, column), and those (stage, row, column) of the model as it is randomized."""

    relevance: NDArray[Any]
    stages: NDArray[Any]


@dataclass(frozen=True, eq=False)
class CostCase:
    """Seconds and peak bytes (weights included) of an explanation, and of a plain forward pass."""

    seconds: float
    plain_seconds: float
    memory: float
    plain_memory: float


Case = (
    BoxCase
    | MaskCase
    | PictureMaskCase
    | PartCase
    | CurveCase
    | AccuracyCase
    | LogitCase
    | GroupCase
    | OtherClassCase
    | RandomizedCase
    | CostCase
)
