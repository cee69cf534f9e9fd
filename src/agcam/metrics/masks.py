"""Maps against masks: ImageNet-Segmentation's numbers (Chefer et al., CVPR 2021) and PxAP.

Unseen pixels (NaN in the map) are background with the lowest score, the threshold is the mean of
the seen ones. Where the mask is -1 nothing is judged. A constant map predicts background only. The
authors bring maps and masks to 224 x 224 first, so that every picture counts the same.

Whatever takes a case raises MetricError where mask and map differ in size, for other values in a
mask, and for infinite relevance.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MetricError
from ..values import MaskCase
from .boxes import normalized, relevance_of

STEPS: Final = 100  # of a score in PxAP's counts


class Counts(NamedTuple):
    """Pixels of one picture, of background and of the class: all that sets are summed from."""

    correct: int
    judged: int
    shared: tuple[int, int]
    union: tuple[int, int]


def counts(case: MaskCase) -> Counts:
    """Predicted is what lies above the mean of the min-max map; sums over judged pixels only."""
    scores, mask = _scores(case)
    seen = ~np.isnan(relevance_of(case.relevance))
    mean = scores[seen].mean() if seen.any() else 0.0
    judged = mask >= 0
    predicted = (seen & (scores > mean))[judged]
    truth = (mask == 1)[judged]
    shared = int((~predicted & ~truth).sum()), int((predicted & truth).sum())
    union = int((~predicted | ~truth).sum()), int((predicted | truth).sum())
    return Counts(sum(shared), int(judged.sum()), shared, union)


def mask_pixel_accuracy(case: MaskCase) -> float:
    """Share of the judged pixels that are predicted correctly; 0 where nothing is judged."""
    found = counts(case)
    return found.correct / max(found.judged, 1)


def mask_iou(case: MaskCase) -> float:
    """Mean of the IoU of the class and of the background; 0 where nothing is judged.

    One that is neither annotated nor predicted does not count in the mean.
    """
    found = counts(case)
    ious = [a / b for a, b in zip(found.shared, found.union, strict=True) if b]
    return float(np.mean(ious)) if ious else 0.0


def mask_average_precision(case: MaskCase) -> float:
    """Average precision of the min-max map `r` and of `1 - r`, all pixels of both ranked together.

    `1 - r` is the score of the background; the mean over pictures is the authors' mAP. 0 where
    nothing is judged; an empty annotation is ranked like any other.
    """
    scores, mask = _scores(case)
    judged = mask >= 0
    truth = (mask == 1)[judged]
    both = np.concatenate([1 - scores[judged], scores[judged]])
    return average_precision(np.concatenate([~truth, truth]), both)


def pixel_average_precision(case: MaskCase) -> float:
    """Average precision of the class's pixels in this picture.

    PxAP ranks the pixels of all pictures together instead.
    """
    scores, mask = _scores(case)
    judged = mask >= 0
    return average_precision((mask == 1)[judged], scores[judged])


def average_precision(truth: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Sum of precision x step of recall from the highest score down; ties count as one step.

    0 where nothing is true.
    """
    if not truth.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # the end of each group of ties
    precision = (hits / np.arange(1, len(hits) + 1))[last]
    recall = hits[last] / hits[-1]
    return float((precision * np.diff(recall, prepend=0)).sum())


def score_counts(case: MaskCase, steps: int = STEPS) -> NDArray[np.int64]:
    """(2, steps + 1): judged pixels off and on the class, by their min-max score in steps.

    A pixel is in step k where k / steps <= score < (k + 1) / steps; the last step is score 1.
    """
    scores, mask = _scores(case)
    step = np.searchsorted(np.arange(steps + 1) / steps, scores, side="right") - 1
    return np.stack([np.bincount(step[mask == side], minlength=steps + 1) for side in (0, 1)])


def pixel_precision_area(counted: NDArray[Any]) -> float:
    """PxAP of counted pixels (2, step), of many pictures together; 0 without a pixel on the class.

    `sum over thresholds of Prec(t) (Rec(t) - Rec(t + step))`, predicted being `score >= t`.
    """
    off, on = (np.cumsum(side[::-1], dtype=np.float64) for side in np.asarray(counted))
    if not on[-1]:
        return 0.0
    precision = on / np.maximum(on + off, 1)
    return float((precision * np.diff(on / on[-1], prepend=0)).sum())


def _scores(case: MaskCase) -> tuple[NDArray[np.float64], NDArray[Any]]:
    scores, mask = normalized(case.relevance), np.asarray(case.mask)
    if mask.shape != scores.shape:
        raise MetricError(
            f"the mask is {mask.shape} and the map {scores.shape}: they must have one size"
        )
    if not np.isin(mask, (-1, 0, 1)).all():
        raise MetricError("a mask is 1 on the class, 0 off it and -1 where nothing is judged")
    return scores, mask
