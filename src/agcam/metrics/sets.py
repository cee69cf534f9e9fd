"""Numbers of a whole set that are not a mean of pictures' numbers.

A picture gives a short array of integers, stored as one row; the set's number is computed from the
rows (picture, number) of all pictures, in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import MetricError
from ..values import BoxCase, MaskCase
from .masks import counts, pixel_precision_area, score_counts
from .max_box import DELTAS, best_box_ious

CUTS: Final = 255  # every threshold in [0, 1) cuts a map of 256 steps at one of these
_BETWEEN: Final = (np.arange(CUTS) + 0.5) / CUTS  # a threshold that cuts at each


def mask_numbers(case: MaskCase) -> NDArray[np.int64]:
    """(6,): correct, judged, shared and united pixels of background and class."""
    found = counts(case)
    return np.array([found.correct, found.judged, *found.shared, *found.union])


def set_pixel_accuracy(rows: NDArray[Any], _: Sequence[str] = ()) -> float:
    """pixAcc: correct / judged pixels of the set; 0 where none is judged."""
    correct, judged = _added(rows, 6)[:2]
    return float(correct / max(judged, 1))


def set_mean_iou(rows: NDArray[Any], _: Sequence[str] = ()) -> float:
    """mIoU: shared / united pixels of the set, mean of background and class.

    0 for one that is nowhere in the set, true or predicted.
    """
    added = _added(rows, 6)
    return float((added[2:4] / np.maximum(added[4:6], 1)).mean())


def score_numbers(case: MaskCase) -> NDArray[np.int64]:
    """(202,): judged pixels off the class by hundredths of their score, then those on it."""
    return score_counts(case).ravel()


def set_pixel_average_precision(rows: NDArray[Any], _: Sequence[str] = ()) -> float:
    """PxAP with thresholds 0.01 apart; 0 without a pixel of the class.

    wsolevaluation's are 0.001 apart; ours come out some thousandths lower on noisy maps.
    """
    width = np.asarray(rows).shape[-1]
    return pixel_precision_area(_added(rows, width).reshape(2, -1))


def box_numbers(case: BoxCase) -> NDArray[np.uint8]:
    """(96,): for delta 0.3, 0.5, 0.7 whether the best box reaches it at each of 255 cuts, as bits.

    With `int(threshold * 255)` as the cut these are all thresholds there are.
    """
    reached = best_box_ious(case, _BETWEEN) >= np.array(DELTAS)[:, None]
    return np.packbits(reached, axis=1).ravel()


def set_max_box_accuracy(rows: NDArray[Any], names: Sequence[str] = ()) -> float:
    """MaxBoxAccV2: share of pictures with a good box, mean over the deltas, in [0, 1].

    The threshold of each delta is chosen on one half of the set and judged on the other, both ways
    round, so that no picture judges a threshold that it helped to choose; `halves(names)` splits.
    (Choe et al. take the best threshold of the test set itself.) 0 where a half is empty.

    Raises:
        MetricError: For names that are not one per picture.

    """
    rows, first = np.asarray(rows), halves(names)
    if len(first) != len(rows):
        raise MetricError(f"{len(rows)} pictures have {len(first)} names; give one per picture")
    there = tuned_max_box_accuracy(rows[first], rows[~first])
    back = tuned_max_box_accuracy(rows[~first], rows[first])
    share = first.mean() if len(first) else 0.0
    return float((1 - share) * there + share * back)


def tuned_max_box_accuracy(tuning: NDArray[Any], test: NDArray[Any]) -> float:
    """MaxBoxAccV2 of `test`, thresholds chosen on `tuning`, the lowest of several best.

    0 where either is empty.
    """
    chosen, judged = _hits(tuning), _hits(test)
    if len(chosen) == 0 or len(judged) == 0:
        return 0.0
    best = chosen.mean(axis=0).argmax(axis=1)
    return float(np.mean([judged[:, delta, cut].mean() for delta, cut in enumerate(best)]))


def halves(names: Sequence[str]) -> NDArray[np.bool_]:
    """Which pictures are in the first half: by a hash of each name, whatever the others are."""
    digests = [hashlib.sha256(name.encode()).digest() for name in names]
    return np.array([digest[0] % 2 == 0 for digest in digests], dtype=np.bool_)


def _hits(rows: NDArray[Any]) -> NDArray[np.bool_]:
    """(picture, delta, cut)."""
    packed = np.asarray(rows, dtype=np.uint8).reshape(-1, len(DELTAS), (CUTS + 7) // 8)
    return np.unpackbits(packed, axis=2, count=CUTS).astype(np.bool_)


def _added(rows: NDArray[Any], width: int) -> NDArray[np.int64]:
    summed: NDArray[np.int64] = np.asarray(rows, dtype=np.int64).reshape(-1, width).sum(axis=0)
    return summed
