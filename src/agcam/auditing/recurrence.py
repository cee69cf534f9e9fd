"""How much of what speaks for a class looks the same in several of its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .reasons import LEAST, weights
from .seen import Features, Rows, Seen, copies, evenly
from .values import Reason

PICTURES: Final = 64  # of a class that are compared with each other
MOST: Final = 0.75  # quantile over a class's pictures: a mark on a quarter of them is enough


@dataclass(frozen=True, eq=False)
class Recurrence:
    """Of one class.

    Attributes:
        patches: Rows of `Patches`, those of some of the class's pictures.
        parts: What each adds to its picture: its weight times its squared recurrence.
        value: Of the class, 0 to 1.
    """

    patches: Rows
    parts: NDArray[np.float64]
    value: float

    def of(self, reason: Reason) -> float:
        """What a reason's patches add, over all pictures."""
        return float(self.parts[np.isin(self.patches, reason.patches)].sum())

    def shared(self, reasons: Sequence[Reason]) -> dict[int, float]:
        """The class's value for the reason that adds most, and less for the others, by number.

        A mark can be several reasons, each with a small share: together they count.
        """
        added = {one.number: self.of(one) for one in reasons if one.gains is None}
        most = max(added.values(), default=0.0) or 1.0
        return {number: self.value * some / most for number, some in added.items()}


def recurrence(target: int, seen: Seen) -> Recurrence:
    """`value = quantile(sum_p weight_p r_p^2)` over the pictures of a class.

    `r` of a patch is its mean cosine with the most similar patches of the LEAST nearest pictures
    of the class. The square counts a few patches that are the same above many that are similar.
    Copies of one picture are alike in all they show, and say nothing.
    """
    pictures = np.unique(seen.patches.picture[seen.rows[target]])
    pictures = pictures[evenly(len(pictures), PICTURES)]
    rows, there = seen.rows_of(target, pictures), seen.of_pictures(target, pictures)
    own = np.searchsorted(pictures, seen.patches.picture[rows])
    cosines = np.where(copies(seen.pictures, pictures)[own], 0, there.best(there.features))
    parts = weights(seen.patches, rows) * _nearest(cosines) ** 2
    sums = np.bincount(own, parts, minlength=len(pictures))
    return Recurrence(rows, parts, float(np.quantile(sums, MOST)))


def _nearest(cosines: Features) -> NDArray[np.float64]:
    """The mean of the LEAST greatest of each row; what is missing counts as 0."""
    greatest = np.sort(np.maximum(cosines, 0), axis=1)[:, -LEAST:]
    return np.asarray(greatest.sum(1, dtype=np.float64) / LEAST)
