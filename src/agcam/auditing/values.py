"""What the parts of an audit exchange: columns of pictures and patches, reasons, what is proved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy.typing import NDArray

from ..records import Estimate
from ..records.summary import estimates
from ..values import UNLABELLED


@dataclass(frozen=True, eq=False)
class Pictures:
    """One row per picture, in the data set's order; `number` is its place there.

    Classes are the model's. Maps are relevance of the predicted class and of the label on the
    patch grid, summing to 1 (all 0 where the model's map is constant): of a signed map the positive
    part, else the least value subtracted. The label's is the predicted class's where both are the
    same class, or the label is UNLABELLED.

    Attributes:
        number: int32.
        label: int32; UNLABELLED where there is none.
        predicted: int32.
        probability: float32 (picture, 2) of the predicted class and of the label; NaN where the
            model has none.
        predicted_map: float32 (picture, row, column).
        label_map: float32 (picture, row, column).
        truth: float32 (picture, row, column), the part of each patch that is on the labelled object
            as people annotated it; NaN where nobody did.
        frame: float32 (picture, 6), width and height of the picture, and left, top, right and
            bottom of the part of it that the model saw.
        tone: float32 (picture, 6), mean and standard deviation of the input's red, green and blue,
            0 to 1.
    """

    number: Int[np.ndarray, " picture"]
    label: Int[np.ndarray, " picture"]
    predicted: Int[np.ndarray, " picture"]
    probability: Float[np.ndarray, "picture 2"]
    predicted_map: Float[np.ndarray, "picture row column"]
    label_map: Float[np.ndarray, "picture row column"]
    truth: Float[np.ndarray, "picture row column"]
    frame: Float[np.ndarray, "picture 6"]
    tone: Float[np.ndarray, "picture 6"]

    def __len__(self) -> int:
        return len(self.number)

    @property
    def right(self) -> Bool[np.ndarray, " picture"]:
        """Where the label is predicted."""
        return np.asarray((self.label == self.predicted) & self.labelled)

    @property
    def labelled(self) -> Bool[np.ndarray, " picture"]:
        """Where there is a label."""
        return np.asarray(self.label != UNLABELLED)


TOP_K: Final = 10
"""Patches of each map that are kept, at least."""


@dataclass(frozen=True, eq=False)
class Patches:
    """Patches of maps, those of one map together, the one with the most relevance first.

    Of every map the strongest few; of some pictures all of the predicted class's map.

    Attributes:
        picture: int32, a row of `Pictures`.
        target: int32, the class of the map: the predicted one, and the label where it is another.
        place: int32, the patch in the grid, row by row.
        relevance: float32, its share of the map's mass, as in `Pictures`.
        features: float16 (patch, dim), the token as the recording holds it; memory-mapped.
        colours: uint8 (patch, 48), the input below it, averaged to 4 x 4 pixels of red, green and
            blue.
    """

    picture: Int[np.ndarray, " patch"]
    target: Int[np.ndarray, " patch"]
    place: Int[np.ndarray, " patch"]
    relevance: Float[np.ndarray, " patch"]
    features: Float[np.ndarray, "patch dim"]
    colours: UInt8[np.ndarray, "patch 48"]

    def __len__(self) -> int:
        return len(self.place)

    @cached_property
    def starts(self) -> Int[np.ndarray, " map"]:
        """Where the patches of each map start."""
        new = np.diff(self.picture, prepend=-1) != 0
        new |= np.diff(self.target, prepend=-1) != 0
        return np.flatnonzero(new)

    @cached_property
    def rank(self) -> Int[np.ndarray, " patch"]:
        """The place of each among those of its map, 0 for the strongest."""
        counts = np.diff(self.starts, append=len(self))
        return np.asarray(np.arange(len(self)) - np.repeat(self.starts, counts))


@dataclass(frozen=True, eq=False)
class Reason:
    """One cluster of a class's patches, or a tone of its pictures: what speaks for the class.

    Attributes:
        target: The class.
        number: Its place among the class's reasons, the largest share first, a tone last.
        share: Of the relevance of all the class's patches.
        occurrence: Share of the class's pictures (predicted as it) in which it occurs.
        patches: int64, rows of `Patches`, best example first, at most one per picture at the front.
        places: float32 (row, column), share of its relevance at each place; sums to 1.
        elsewhere: For other classes, in how large a share of their pictures it occurs.
        gains: Of a reason of the whole picture: how much stronger red, green and blue are than in
            other classes, its `patches` being the strongest of each picture; None: of patches.
        exclusive: Of what the class alone shows in several pictures, wherever its maps are: how
            much more it recurs in the class than in others; 0: found by its maps.
    """

    target: int
    number: int
    share: float
    occurrence: float
    patches: Int[np.ndarray, " example"]
    places: Float[np.ndarray, "row column"]
    elsewhere: Mapping[int, float]
    gains: tuple[float, float, float] | None = None
    exclusive: float = 0.0


@dataclass(frozen=True)
class Suspicion:
    """How suspicious a reason is, 0 to 1, and why, in one sentence; `parts` are what it is of."""

    score: float
    sentence: str
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What the model gives for some pictures: the share called the class, and its probability.

    `called` counts, for each class, how many pictures are called it: a row of the confusion.
    """

    share: Estimate
    probability: Estimate
    called: Mapping[int, int]


MANY: Final = 20_000  # pictures, of which a bootstrap would take seconds
TOGETHER: Final = "erase together"
"""The kind of an intervention that erases all suspicious reasons of a class."""
CAST: Final = "cast"
"""The fill of an intervention that changes colours everywhere."""


@dataclass(frozen=True)
class Intervention:
    """What a change of the pictures does: before, after, and with as many random patches changed.

    `kind` is "erase" (of pictures of the class that have the reason) or "paste" (into pictures of
    other classes that lack it), or TOGETHER; `fill` is what erased patches are filled with, empty
    for "paste", CAST for a cast that is taken off or laid on.
    """

    kind: str
    fill: str
    patches: float
    before: Outcome
    after: Outcome
    random: Outcome


def mean_of(values: NDArray[np.generic]) -> Estimate:
    """The mean of some pictures' numbers, NaN left aside, with a 95 % bootstrap interval.

    Of many pictures the interval is the normal one, which a bootstrap tends to.
    """
    column = np.asarray(values, dtype=np.float64)
    if len(column) <= MANY:
        return estimates(column[:, None])[0]
    known = column[~np.isnan(column)]
    if not len(known):
        return estimates(column[:0, None])[0]
    mean = float(known.mean())
    around = 1.96 * float(known.std()) / math.sqrt(len(known))
    return Estimate(mean, mean - around, mean + around, len(known))
