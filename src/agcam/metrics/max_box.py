"""MaxBoxAccV2 (Choe et al., CVPR 2020): the best box at every threshold of a map.

This file looks at one picture. Over a set (see `sets`): the share of pictures with
`best_box_ious >= delta` at each threshold; the best threshold, chosen on other pictures than those
it judges; the mean over delta 0.3, 0.5, 0.7.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..values import BoxCase
from .boxes import Mask, boxes_of, contour_boxes, normalized

THRESHOLDS: Final = np.arange(0, 1, 0.001)
SWEEP: Final = np.arange(0, 1, 0.01)  # coarser, for one picture
DELTAS: Final = (0.3, 0.5, 0.7)


def best_box_ious(case: BoxCase, thresholds: NDArray[Any] = THRESHOLDS) -> NDArray[np.float64]:
    """(threshold,): IoU of the best pair of a predicted and an annotated box, at each threshold.

    As the authors' program (wsolevaluation): the min-max map in 256 steps, cut above
    `int(threshold * 255)`; boxes around all contours, holes included, clipped to the picture's last
    pixel; both borders of a box count. Zeros for an empty annotation; where nothing is above the
    threshold (always in a constant map) the box is the pixel in the upper left corner.
    """
    truth = boxes_of(case)
    steps = (normalized(case.relevance) * 255).astype(np.uint8)
    cuts = (np.asarray(thresholds) * int(steps.max())).astype(np.intp)
    if len(truth) == 0:
        return np.zeros(len(cuts))
    # The mask changes only where a cut passes a value of the map.
    _, first, back = np.unique(
        np.searchsorted(np.unique(steps), cuts, side="right"),
        return_index=True,
        return_inverse=True,
    )
    best = [box_ious(_found(steps > cuts[index]), truth).max() for index in first]
    return np.array(best)[back.reshape(-1)]


@lru_cache(maxsize=1)  # the number and its curve are read from one sweep
def sweep(case: BoxCase) -> NDArray[np.float64]:
    """(100,): `best_box_ious` at thresholds 0, 0.01, ... 0.99."""
    return best_box_ious(case, SWEEP)


def max_box_iou(case: BoxCase) -> float:
    """The highest of `sweep`: what the best threshold for this very picture gives.

    It is chosen with the annotation at hand: an upper bound, not MaxBoxAcc.
    """
    return float(sweep(case).max())


def box_ious(found: NDArray[Any], truth: NDArray[Any], border: int = 1) -> NDArray[np.float64]:
    """(found, truth): intersection over union; with `border` 1 right and bottom are inclusive."""
    corner = np.maximum(found[:, None, :2], truth[None, :, :2])
    end = np.minimum(found[:, None, 2:], truth[None, :, 2:])
    shared = (end - corner + border).clip(min=0).prod(axis=-1)
    union = _area(found, border)[:, None] + _area(truth, border)[None] - shared
    return np.asarray(np.where(union > 0, shared / np.where(union > 0, union, 1), 0.0))


def _area(boxes: NDArray[Any], border: int) -> NDArray[Any]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2] + border).prod(axis=-1))


def _found(mask: Mask) -> NDArray[Any]:
    boxes = contour_boxes(mask)
    if len(boxes) == 0:
        return np.zeros((1, 4))
    height, width = mask.shape
    return np.asarray(np.minimum(boxes, np.array([width, height, width - 1, height - 1])))
