"""Several objects of one class: how many of them the map shows."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..values import BoxCase
from .boxes import boxes_of, exact_mask, relevance_of
from .localization import predicted_boxes
from .max_box import box_ious

ENOUGH: Final = 0.5


def instances_covered(case: BoxCase, enough: float = ENOUGH) -> float:
    """Share of the annotated boxes of which at least `enough` of the pixels are predicted.

    Predicted are the exact boxes around what is above half of the min-max map. One large box may
    cover several objects, so read it beside precision. A box without a pixel on the map does not
    count.
    """
    shape = relevance_of(case.relevance).shape
    predicted = exact_mask(predicted_boxes(case), shape)
    masks = [exact_mask(box, shape) for box in boxes_of(case)]
    covered = [predicted[mask].mean() >= enough for mask in masks if mask.any()]
    return float(np.mean(covered)) if covered else 0.0


def instances_found(case: BoxCase, enough: float = ENOUGH) -> float:
    """Share of the annotated boxes that have a predicted box of their own with IoU >= `enough`.

    Boxes are paired one to one so that most are found. A box without a pixel on the map does not
    count.
    """
    truth = _on_the_map(boxes_of(case), relevance_of(case.relevance).shape)
    if len(truth) == 0:
        return 0.0
    fits = box_ious(predicted_boxes(case), truth, border=0) >= enough
    rows, columns = linear_sum_assignment(fits, maximize=True)
    return float(fits[rows, columns].sum() / len(truth))


def _on_the_map(boxes: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The boxes clipped to the map, without those that hold none of its pixels."""
    held = [exact_mask(box, shape).any() for box in boxes]
    height, width = shape
    return np.asarray(boxes[np.array(held, dtype=bool)].clip(0, [width, height, width, height]))
