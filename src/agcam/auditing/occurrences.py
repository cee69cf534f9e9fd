"""Where a reason lies: in which pictures, how strongly, and in which box of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from .findings import Findings
from .values import Reason

WIDEST: Final = 5  # patches of a side of a box around all patches of a reason

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Occurrences:
    """The pictures in which a reason occurs, the best example first.

    Attributes:
        rows: Of `Pictures`.
        relevance: Its share of each one's map.
        boxes: Left, top, right, bottom in patches: around all its patches where they lie close
            together, else the strongest. A reason of the whole picture is everywhere.
    """

    rows: Int[np.ndarray, " picture"]
    relevance: Float[np.ndarray, " picture"]
    boxes: Float[np.ndarray, "picture 4"]


def occurrences(found: Findings, reason: Reason, row: int | None = None) -> Occurrences:
    """Where a reason lies, in every picture or in one; each patch is looked at once."""
    patches, some = found.patches, reason.patches
    if row is not None:
        some = some[patches.picture[some] == row]
    picture, relevance = np.asarray(patches.picture[some]), np.asarray(patches.relevance[some])
    rows, first = np.unique(picture, return_index=True)
    order = np.lexsort((-relevance, picture))  # picture by picture, each one's strongest first
    starts = np.searchsorted(picture[order], rows)
    boxes = _boxes(np.asarray(patches.place[some])[order], starts, found.grid.columns)
    if reason.gains is not None:
        boxes[:] = 0, 0, found.grid.columns, found.grid.rows
    best_first = np.argsort(first)
    sums = np.add.reduceat(relevance[order], starts)
    return Occurrences(rows[best_first], sums[best_first], boxes[best_first])


def _boxes(
    places: NDArray[np.int32], starts: NDArray[np.intp], columns: int
) -> NDArray[np.float64]:
    """(picture, 4): of patches picture by picture, where each one's begin."""
    y, x = np.divmod(places, columns)
    low = [np.minimum.reduceat(one, starts) for one in (x, y)]
    high = [np.maximum.reduceat(one, starts) for one in (x, y)]
    wide = (np.maximum(high[0] - low[0], high[1] - low[1]) >= WIDEST)[:, None]
    around = np.stack([*low, high[0] + 1, high[1] + 1], axis=1)
    strongest = np.stack([x[starts], y[starts], x[starts] + 1, y[starts] + 1], axis=1)
    return np.asarray(np.where(wide, strongest, around), dtype=np.float64)


def pixel_boxes(found: Findings, where: Occurrences) -> Float[np.ndarray, "picture 4"]:
    """The same boxes in pixels of the original pictures: left, top, width, height."""
    width, height, left, top, right, bottom = np.asarray(
        found.pictures.frame[where.rows], dtype=np.float64
    ).T
    across, down = (right - left) / found.grid.columns, (bottom - top) / found.grid.rows
    start, end = np.array([left, top]), np.array([across, down])
    sides = np.array([width, height]).round()
    low = np.clip(start + where.boxes[:, :2].T * end, 0, sides)
    high = np.clip(start + where.boxes[:, 2:].T * end, 0, sides)
    return np.asarray(np.concatenate([low, high - low]).T)
