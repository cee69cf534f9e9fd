"""What people annotated, on the model's patch grid; and how much of a map lies on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from ..records import Estimate
from ..values import Frame, Grid, Truth
from .values import Pictures, mean_of

AT_ONCE: Final = 4096  # pictures whose maps are held
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


@dataclass(frozen=True)
class Groups:
    """Pictures with an annotated object, by prediction and by where most of the relevance lies.

    Attributes:
        inside: Mean share of the predicted class's map on the object.
        random: The same of a map that is the same everywhere: the object's share of the picture.
        centre: The same of a Gaussian in the middle.
        rows: Rows of `Pictures` by (right, inside).
    """

    inside: Estimate
    random: Estimate
    centre: Estimate
    rows: Mapping[tuple[bool, bool], Int[np.ndarray, " picture"]]


def groups(pictures: Pictures, rows: Int[np.ndarray, " picture"]) -> Groups | None:
    """Right and wrong, inside and outside, of some pictures; None if none of them is annotated.

    A picture is inside if more of its map is on the object than of a map that is the same
    everywhere.
    """
    energy, area, middle = on_object(pictures, rows)
    known = ~np.isnan(energy)
    if not known.any():
        return None
    rows, energy, area, middle = rows[known], energy[known], area[known], middle[known]
    inside, right = energy > area, pictures.right[rows]
    sides = {
        (a, b): rows[(right == a) & (inside == b)] for a in (True, False) for b in (False, True)
    }
    return Groups(mean_of(energy), mean_of(area), mean_of(middle), sides)


def on_object(pictures: Pictures, rows: Int[np.ndarray, " n"]) -> NDArray[np.float64]:
    """(3, picture): what part of the map, of a constant one and of a Gaussian is on the object."""
    starts = range(0, max(len(rows), 1), AT_ONCE)
    parts = [_on_object(pictures, rows[start : start + AT_ONCE]) for start in starts]
    return np.concatenate(parts, axis=1)


def _on_object(pictures: Pictures, rows: Int[np.ndarray, " n"]) -> NDArray[np.float64]:
    truth = np.asarray(pictures.truth[rows], dtype=np.float64)
    energy = (pictures.predicted_map[rows] * truth).sum(axis=(1, 2))
    middle = (_gaussian(truth.shape[1:]) * truth).sum(axis=(1, 2))
    return np.stack([energy, truth.mean(axis=(1, 2)), middle])


def _gaussian(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """A bump in the middle, of a quarter of the sides, summing to 1."""
    y, x = (((np.arange(n) + 0.5) / n - 0.5) / 0.25 for n in shape)
    bump = np.exp(-(y[:, None] ** 2 + x**2) / 2)
    return np.asarray(bump / bump.sum())
