"""What people annotated, on the model's patch grid; and how much of a map lies on it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..values import Frame, Grid, Truth

POINTS: Final = 8  # a side of each patch: where it is asked whether the object is there


def coverage(truth: Truth, frame: Frame, grid: Grid) -> NDArray[np.float32]:
    """The part of each patch (row, column) that is on the object; NaN if nothing is annotated.

    The mask counts where there is one, else the union of the boxes. Pixels of the mask that nobody
    judges are off the object.
    """
    if truth.mask is None and not len(truth.boxes):
        return np.full((grid.rows, grid.columns), np.nan, np.float32)
    left, top, right, bottom = frame.window
    x = left + (np.arange(grid.columns * POINTS) + 0.5) * (right - left) / (grid.columns * POINTS)
    y = top + (np.arange(grid.rows * POINTS) + 0.5) * (bottom - top) / (grid.rows * POINTS)
    inside = _in_boxes(truth, x, y) if truth.mask is None else _in_mask(truth.mask, x, y, frame)
    parts = inside.reshape(grid.rows, POINTS, grid.columns, POINTS).mean(axis=(1, 3))
    return np.asarray(parts, dtype=np.float32)


def _in_boxes(truth: Truth, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    inside = np.zeros((len(y), len(x)), dtype=bool)
    for left, top, right, bottom in np.asarray(truth.boxes, dtype=np.float64).reshape(-1, 4):
        rows, columns = (y >= top) & (y < bottom), (x >= left) & (x < right)
        inside |= rows[:, None] & columns
    return inside


def _in_mask(
    mask: NDArray[np.int64], x: NDArray[np.float64], y: NDArray[np.float64], frame: Frame
) -> NDArray[np.bool_]:
    """A preparation that pads shows what lies beyond the picture: no object is there."""
    rows = np.floor(y * mask.shape[0] / frame.height).astype(np.intp)
    columns = np.floor(x * mask.shape[1] / frame.width).astype(np.intp)
    known = ((rows >= 0) & (rows < mask.shape[0]))[:, None] & (
        (columns >= 0) & (columns < mask.shape[1])
    )
    found = mask[rows.clip(0, mask.shape[0] - 1)[:, None], columns.clip(0, mask.shape[1] - 1)]
    return np.asarray(known & (found == 1))
