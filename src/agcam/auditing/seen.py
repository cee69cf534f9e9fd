"""The patches that classes are recognized by, read from disk as they are needed.

A million pictures have ten million patches: what stays in memory are their numbers, and the
features of a sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .values import TOP_K, Patches, Pictures

AT_ONCE: Final = 10_000  # patches whose features are in memory
SAMPLE: Final = 12_000  # pictures of all classes that reasons are compared with
FEWEST, EACH = 4, 64  # of them, of a class
CENTRED: Final = 20_000  # patches whose mean is taken off
STEP: Final = 1 / 255  # of a colour's mean and deviation, and
SAME: Final = 0.98  # cosine of two maps: nearer pictures are copies

Features = NDArray[np.float32]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Compared:
    """Directions of the patches of some pictures.

    Attributes:
        features: (patch, dim), picture by picture.
        starts: Where the patches of each picture start.
        target: Of each picture, the class that is predicted.
    """

    features: Features
    starts: Rows
    target: NDArray[np.int32]

    def best(self, features: Features) -> Features:
        """(row, picture): the greatest cosine with a patch of each picture."""
        cosines = features @ self.features.T
        return np.asarray(np.maximum.reduceat(cosines, self.starts, axis=1))


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures, and the patches of the maps of their predicted classes."""

    pictures: Pictures
    patches: Patches

    @cached_property
    def mean(self) -> Features:
        """Of the features of the whole data set, so that cosines of two classes compare."""
        sample = self.patches.features[evenly(len(self.patches), CENTRED)]
        return np.asarray(sample.mean(0, dtype=np.float32))

    @cached_property
    def rows(self) -> dict[int, Rows]:
        """By class, the rows of patches of the pictures predicted as it, picture by picture."""
        picture, target = np.asarray(self.patches.picture), np.asarray(self.patches.target)
        strongest = (self.patches.rank < TOP_K) & (target >= 0)
        own = np.flatnonzero((self.pictures.predicted[picture] == target) & strongest)
        own = own[np.lexsort((picture[own], target[own]))]
        parts = np.split(own, np.flatnonzero(np.diff(target[own])) + 1)
        return {int(target[some[0]]): some for some in parts if len(some)}

    @cached_property
    def whole(self) -> dict[int, NDArray[np.int32]]:
        """By predicted class, the pictures of which all patches were kept."""
        starts, patches = self.patches.starts, self.patches
        counts = np.diff(starts, append=len(patches))
        first = starts[counts == self.patch_count]
        picture, target = np.asarray(patches.picture[first]), np.asarray(patches.target[first])
        own = (self.pictures.predicted[picture] == target) & (target >= 0)
        return {one: picture[own & (target == one)] for one in np.unique(target[own]).tolist()}

    def all_of(self, picture: int) -> Rows:
        """The rows of all patches of a whole picture, in the order of their places."""
        first = self._first[picture]
        rows = first + np.arange(self.patch_count)
        return np.asarray(rows[np.argsort(self.patches.place[rows])])

    @cached_property
    def _first(self) -> NDArray[np.intp]:
        """Of each picture, where the patches of its predicted class's map start."""
        starts, patches = self.patches.starts, self.patches
        picture = np.asarray(patches.picture[starts])
        own = self.pictures.predicted[picture] == patches.target[starts]
        first = np.zeros(len(self.pictures), dtype=np.intp)
        first[picture[own]] = starts[own]
        return first

    @cached_property
    def patch_count(self) -> int:
        """How many patches a picture has."""
        return int(self.pictures.predicted_map[0].size)

    @cached_property
    def sample(self) -> Compared:
        """Some pictures of every class."""
        return self.compared([*self.rows], max(FEWEST, min(EACH, SAMPLE // max(len(self.rows), 1))))

    def directions(self, rows: Rows) -> Features:
        """(row, dim): features less the mean, at length 1."""
        centred = self.patches.features[rows].astype(np.float32) - self.mean
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(length, 1e-6), dtype=np.float32)

    def parts(self, rows: Rows) -> Iterator[Features]:
        """The directions of many rows, some at a time."""
        for start in range(0, len(rows), AT_ONCE):
            yield self.directions(rows[start : start + AT_ONCE])

    def compared(self, targets: Sequence[int], each: int) -> Compared:
        """The patches of at most `each` pictures of some classes."""
        rows = [self._of_some(self.rows[target], each) for target in targets]
        every = np.concatenate([*rows, np.array([], dtype=np.intp)])
        picture = self.patches.picture[every]
        starts = np.flatnonzero(np.diff(picture, prepend=-1))
        return Compared(self.directions(every), starts, self.patches.target[every[starts]])

    def of_pictures(
        self, target: int, pictures: NDArray[np.int32], rows: Rows | None = None
    ) -> Compared:
        """The patches of some pictures predicted as a class, in the order of `pictures`.

        `rows`, picture by picture, are those to take; None: the strongest.
        """
        every = self.rows_of(target, pictures, rows)
        starts = np.flatnonzero(np.diff(self.patches.picture[every], prepend=-1))
        return Compared(self.directions(every), starts, np.full(len(pictures), target, np.int32))

    def rows_of(self, target: int, pictures: NDArray[np.int32], rows: Rows | None = None) -> Rows:
        """The rows of the patches of some pictures predicted as a class, in their order."""
        rows = self.rows[target] if rows is None else rows
        picture = self.patches.picture[rows]
        first, end = (np.searchsorted(picture, pictures, side) for side in ("left", "right"))
        return np.concatenate([rows[a:b] for a, b in zip(first, end, strict=True)])

    def _of_some(self, rows: Rows, each: int) -> Rows:
        """The rows of at most `each` pictures, evenly spaced."""
        pictures = np.unique(self.patches.picture[rows])
        some = pictures[evenly(len(pictures), each)]
        return rows[np.isin(self.patches.picture[rows], some)]


def evenly(count: int, most: int) -> Rows:
    """At most so many numbers below `count`, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))


def copies(pictures: Pictures, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(picture, picture): whether two show the same: colours and maps are the same."""
    tone, maps = pictures.tone[rows], pictures.predicted_map[rows].reshape(len(rows), -1)
    maps = maps / np.maximum(np.linalg.norm(maps, axis=1, keepdims=True), 1e-9)
    far = np.abs(tone[:, None] - tone[None]).max(-1)
    same = (far < STEP) & (maps @ maps.T > SAME) | np.eye(len(rows), dtype=np.bool_)
    return np.asarray(same)
