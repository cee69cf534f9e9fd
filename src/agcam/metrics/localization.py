"""The paper's localization: boxes around what is above half, compared with the annotated boxes.

On an empty annotation, an empty prediction and a constant map `eps` decides, as in the authors'
program. Nothing predicted (a constant map has no pixel above half) gives precision 1; IoU, Dice and
recall are then near 0 if there is an annotation. No annotation gives recall 1; IoU, Dice and
precision are then near 0 if anything is predicted. Neither gives 1 five times. Never NaN.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from ..values import BoxCase
from .boxes import (
    Boxes,
    Mask,
    boxes_of,
    exact_mask,
    external_boxes,
    normalized,
    one_too_large_mask,
)

THRESHOLD: Final = 0.5
EPS: Final = 1e-5


class Localization(NamedTuple):
    """Two masks compared, each number with `eps` in numerator and denominator."""

    pixel_accuracy: float
    iou: float
    dice: float
    precision: float
    recall: float


def predicted_boxes(case: BoxCase, threshold: float = THRESHOLD) -> Boxes:
    """Boxes of the external contours of `min-max(map) > threshold`, (box, 4); none if constant.

    Left, top, right, bottom, right and bottom exclusive, in OpenCV's order: the lowest first.
    """
    return external_boxes(normalized(case.relevance) > threshold)


@lru_cache(maxsize=1)  # five numbers are read from one comparison
def paper(case: BoxCase) -> Localization:
    """The authors' protocol: every box, predicted or annotated, is filled one pixel too large."""
    return _compare(case, one_too_large_mask)


@lru_cache(maxsize=1)
def corrected(case: BoxCase) -> Localization:
    """The authors' protocol with boxes of their exact size."""
    return _compare(case, exact_mask)


def compare(predicted: Mask, truth: Mask) -> Localization:
    """Pixel accuracy, IoU, Dice, precision, recall of two masks, `(a + eps) / (b + eps)`."""
    hit = int((predicted & truth).sum())
    false_alarm = int(predicted.sum()) - hit
    missed = int(truth.sum()) - hit
    rest = truth.size - hit - false_alarm - missed
    return Localization(
        pixel_accuracy=(hit + rest + EPS) / (truth.size + EPS),
        iou=(hit + EPS) / (hit + false_alarm + missed + EPS),
        dice=(2 * hit + EPS) / (2 * hit + false_alarm + missed + EPS),
        precision=(hit + EPS) / (hit + false_alarm + EPS),
        recall=(hit + EPS) / (hit + missed + EPS),
    )


def one_number(protocol: Callable[[BoxCase], Localization], index: int) -> Callable[..., float]:
    """One of the five numbers of a protocol, as the function of a metric."""

    def metric(case: BoxCase) -> float:
        return float(protocol(case)[index])

    return metric


def _compare(case: BoxCase, fill: Callable[..., Mask]) -> Localization:
    shape = case.relevance.shape
    return compare(fill(predicted_boxes(case), shape), fill(boxes_of(case), shape))
