"""From a map to boxes, and from boxes to pixels: what every localization metric shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import MetricError
from ..values import BoxCase

Boxes = NDArray[np.intp]
Mask = NDArray[np.bool_]

SIDES = 4  # left, top, right, bottom
MAP = 2  # row, column
TOUCHING = np.ones((3, 3))  # pixels that touch at a corner belong together


def relevance_of(relevance: NDArray[Any]) -> NDArray[np.float64]:
    """The map as float64 (row, column), NaN where not seen.

    Raises:
        MetricError: For what is not one map, or holds infinite values.

    """
    values = np.asarray(relevance, dtype=np.float64)
    if values.ndim != MAP or values.size == 0:
        raise MetricError(f"a map is (row, column), not {values.shape}: give one map at a time")
    if np.isinf(values).any():
        raise MetricError("the map holds infinite relevance; look at the method that made it")
    return values


def boxes_of(case: BoxCase) -> NDArray[np.float64]:
    """The annotated boxes as (box, 4) float64; there may be none.

    Raises:
        MetricError: For boxes that are inverted or hold NaN.

    """
    boxes = np.asarray(case.boxes, dtype=np.float64)
    boxes = boxes.reshape(-1, SIDES) if boxes.size == 0 else boxes
    if boxes.ndim != MAP or boxes.shape[1] != SIDES:
        raise MetricError(f"boxes are (box, 4): left, top, right, bottom; not {boxes.shape}")
    if not np.isfinite(boxes).all() or (boxes[:, :2] > boxes[:, 2:]).any():
        raise MetricError("a box is left, top, right, bottom with left <= right, top <= bottom")
    return boxes


def normalized(relevance: NDArray[Any]) -> NDArray[np.float64]:
    """(value - min) / (max - min) over the seen pixels; 0 for a constant map and unseen pixels."""
    values = relevance_of(relevance)
    seen = ~np.isnan(values)
    if not seen.any():
        return np.zeros_like(values)
    low, high = values[seen].min(), values[seen].max()
    if not high > low:
        return np.zeros_like(values)
    if high / 2 - low / 2 > np.finfo(np.float64).max / 2:  # the spread is not a number
        return normalized(values / 4)
    return np.where(seen, (values - low) / (high - low), 0.0)


def external_boxes(mask: Mask) -> Boxes:
    """Boxes around the outermost contours of `mask`, the lowest contour first, as (box, 4).

    Left, top, right, bottom; right and bottom exclusive. Equal to OpenCV's findContours with
    RETR_EXTERNAL and boundingRect, order included: pixels that touch at a corner belong together,
    and a region in the hole of another has no contour of its own.
    """
    background, outside = _outside(mask)
    return _boxes(ndimage.label(background != outside, TOUCHING)[0])[::-1]


def contour_boxes(mask: Mask) -> Boxes:
    """Boxes around every contour of `mask`, holes included, as OpenCV's RETR_TREE gives them.

    The contour of a hole runs on the pixels around it. Regions come first, then holes.
    """
    background, outside = _outside(mask)
    holes = np.where(background == outside, 0, background)
    around = _boxes(holes) + np.array([-1, -1, 1, 1])
    return np.concatenate([_boxes(ndimage.label(mask, TOUCHING)[0]), around])


def exact_mask(boxes: NDArray[Any], shape: tuple[int, int]) -> Mask:
    """Union of the pixels whose centre lies in a box: [top, bottom) x [left, right)."""
    return _fill(np.ceil(np.asarray(boxes, dtype=np.float64) - 0.5).astype(np.intp), shape)


def one_too_large_mask(boxes: NDArray[Any], shape: tuple[int, int]) -> Mask:
    """Union of [top : bottom + 1, left : right + 1] in whole numbers, as the authors do."""
    whole = np.asarray(boxes, dtype=np.float64).reshape(-1, 4).astype(np.intp)
    return _fill(whole + np.array([0, 0, 1, 1]), shape)


def _fill(boxes: Boxes, shape: tuple[int, int]) -> Mask:
    mask = np.zeros(shape, dtype=np.bool_)
    for left, top, right, bottom in boxes.reshape(-1, 4).clip(min=0):
        mask[top:bottom, left:right] = True
    return mask


def _outside(mask: Mask) -> tuple[NDArray[np.int32], int]:
    """Connected parts of the background, numbered, and the number of the outermost one."""
    parts, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    return parts[1:-1, 1:-1], int(parts[0, 0])


def _boxes(labels: NDArray[Any]) -> Boxes:
    found = [place for place in ndimage.find_objects(labels) if place is not None]
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in found]
    return np.array(boxes, dtype=np.intp).reshape(-1, 4)
