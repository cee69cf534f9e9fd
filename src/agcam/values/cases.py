"""What metrics read: one picture, its map, its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class BoxCase:
    """One map and the boxes that people drew: what localization is judged by.

    `relevance` is (row, column), raw, NaN where the model never saw the picture; `boxes` is
    (box, 4), left, top, right, bottom in pixels of the map, right and bottom just outside.
    """

    relevance: NDArray[Any]
    boxes: NDArray[Any]


@dataclass(frozen=True)
class MaskCase:
    """One map and the mask that people drew, both (row, column) of one size.

    `relevance` is raw, NaN where the model never saw the picture; `mask` is 1 on the class, 0 off
    it, -1 where nothing is to be judged.
    """

    relevance: NDArray[Any]
    mask: NDArray[Any]


@dataclass(frozen=True)
class MosaicCase:
    """One map (row, column) over a mosaic of pictures, and which `cell` shows the target.

    The mosaic has `rows` x `columns` cells of one size, counted row by row from 0.
    """

    relevance: NDArray[Any]
    rows: int
    columns: int
    cell: int


@dataclass(frozen=True)
class CurveCase:
    """The target's probability while pixels are removed, from the whole picture to nothing.

    `morf` (most relevant first) and `lerf` (least relevant first) have one value a step; the first
    and the last are the same pictures in both.
    """

    morf: NDArray[Any]
    lerf: NDArray[Any]


@dataclass(frozen=True)
class GroupCase:
    """Pixels in groups of one size: relevance in each, and the loss of probability without it."""

    relevance: NDArray[Any]
    drops: NDArray[Any]


Case = BoxCase | MaskCase | MosaicCase | CurveCase | GroupCase
