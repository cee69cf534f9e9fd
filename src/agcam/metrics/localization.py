"""The paper's localization: boxes around what is above half, compared with the boxes of people.

On empty truth, an empty prediction and constant maps `eps` decides, as in the authors' program:
nothing predicted (a constant map too: it has no pixel above half) gives precision 1, and where
there is truth IoU, Dice and recall near 0; no truth gives recall 1, and where something is
predicted IoU, Dice and precision near 0; neither gives 1 five times. Never NaN.
"""

from __future__ import annotations

from collections.abc import Callable
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
ON_EMPTY: Final = (
    "eps = 1e-5 in every quotient: no truth and no prediction 1; an empty prediction or a constant "
    "map has precision 1, recall, IoU and Dice near 0; empty truth has recall 1, the rest near 0"
)


class Localization(NamedTuple):
    """Two masks compared, each number with `eps` above and below the line."""

    pixel_accuracy: float
    iou: float
    dice: float
    precision: float
    recall: float


def predicted_boxes(case: BoxCase, threshold: float = THRESHOLD) -> Boxes:
    """Boxes of the external contours of `min-max(map) > threshold`; (0, 4) for a constant map.

    Left, top, right, bottom, right and bottom just outside; in OpenCV's order, lowest first.
    """
    return external_boxes(normalized(case.relevance) > threshold)


def paper(case: BoxCase) -> Localization:
    """The authors' protocol: every box, found or true, is filled one pixel too large."""
    return _compare(case, one_too_large_mask)


def corrected(case: BoxCase) -> Localization:
    """The same with boxes of their exact size."""
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


def one_number(protocol: Callable[[BoxCase], Localization], name: str) -> Callable[..., float]:
    """One of the five numbers of a protocol, as a metric."""

    def metric(case: BoxCase) -> float:
        return float(getattr(protocol(case), name))

    metric.__doc__ = f"{name} of `{protocol.__name__}`. {protocol.__doc__}"
    return metric


def _compare(case: BoxCase, fill: Callable[..., Mask]) -> Localization:
    shape = case.relevance.shape
    return compare(fill(predicted_boxes(case), shape), fill(boxes_of(case), shape))
