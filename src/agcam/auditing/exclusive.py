"""What recurs in the pictures of a class and in no other class, wherever its maps are.

A map can lie beside a mark that moves predictions: what a class alone shows in several of its
pictures is looked for in all patches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .seen import Features, Rows, Seen, copies, evenly

OTHERS: Final = 96  # pictures of all classes that a class is compared with
DIM: Final = 96  # principal components that are compared
SAMPLE: Final = 20_000  # patches that they are of
OWN_NEAREST: Final = 3  # pictures of the class, fewer where it has few (`nearest`), and
OTHER_NEAREST: Final = 0.06  # share of the others, whose most similar patches count
ENOUGH: Final = 4  # other classes: the most similar one may have the same mark, and is left out
POWER: Final = 4  # few patches that are far above others count more than many that are a little
MOST: Final = 0.75  # quantile over a class's pictures: a mark on a quarter of them is enough
PART: Final = 0.5  # of what the class's strongest patches have: a patch with so much is of the mark
EDGE: Final = 0.3  # of it: so is a patch with so much that touches one, as the edge of a mark does
USUAL: Final = 0.95  # quantile of patches beside the mark: an edge has more than they have
STRONGEST: Final = 4  # patches of a picture
LEAST: Final = 0.08
FAINT: Final = 0.02

Other = tuple[int, Features]
"""A picture's class, and its patches."""


@dataclass(frozen=True, eq=False)
class Exclusive:
    """Of one class.

    Attributes:
        value: 0 to 1.
        pictures: Those of which all patches were compared.
        patches: Rows of `Patches`: what recurs in the class alone, in several of its pictures.
        edges: Rows of patches that do so a little, and belong to it where they touch it.
        spread: How large a part of a picture they are, less where they lie at the same places in
            all: large for objects and their surroundings, small for marks.
        usual: The median `value` of the other classes, by as many nearest pictures.
        nearest: Pictures of the class in which the most similar patches were looked for.
    """

    value: float
    pictures: NDArray[np.int32]
    patches: Rows
    edges: Rows
    spread: float = 0.0
    usual: float = 0.0
    nearest: int = OWN_NEAREST


def exclusives(seen: Seen) -> dict[int, Exclusive]:
    """`value = quantile(mean_p(max(own_p - other_p, 0)^4)^(1/4))` over the pictures of each class.

    `own` of a patch is its mean cosine with the most similar patches of the nearest few pictures
    of the class, `other` that of the nearest 6 % of pictures of other classes; the class that has
    most of it is left out: two classes can have one mark. All patches of a picture count. Copies
    of one picture do not count as pictures of their own.
    """
    enough = {target: some for target, some in seen.whole.items() if len(some) > OWN_NEAREST}
    if len(enough) < 2:
        return {}
    described = _Described(seen)
    every = np.concatenate(list(enough.values()))
    some = every[evenly(len(every), OTHERS)]
    others = [(seen.pictures.predicted[one], described(int(one))) for one in some]
    found = {
        target: _exclusive(pictures, described, [one for one in others if one[0] != target], seen)
        for target, pictures in enough.items()
    }
    values = np.stack([by_nearest for _, by_nearest in found.values()])
    usual = [np.median(np.delete(values, n, axis=0), axis=0) for n in range(len(values))]
    return {
        target: replace(one, usual=float(of_others[one.nearest - 1]))
        for (target, (one, _)), of_others in zip(found.items(), usual, strict=True)
    }


def nearest(count: int) -> int:
    """Of how many pictures of a class of so many: a mark on half of them is in as many others."""
    return int(np.clip(count // 2 - 1, 1, OWN_NEAREST))


def _exclusive(
    pictures: NDArray[np.int32], described: _Described, others: list[Other], seen: Seen
) -> tuple[Exclusive, NDArray[np.float64]]:
    """What a class alone shows, and its value by each number of nearest pictures."""
    own = [described(int(picture)) for picture in pictures]
    same = copies(seen.pictures, pictures)
    elsewhere = max(OWN_NEAREST, round(OTHER_NEAREST * len(others)))
    classes = np.array([of for of, _ in others])
    by_nearest = np.stack(
        [
            _nearest(_best(one, [x for x, copy in zip(own, same[n], strict=True) if not copy]))
            - _elsewhere(_best(one, [x for _, x in others]), classes, elsewhere)
            for n, one in enumerate(own)
        ],
        axis=1,
    ).clip(0)
    values = np.quantile((by_nearest**POWER).mean(2) ** (1 / POWER), MOST, axis=1)
    few = nearest(len(pictures))
    value, more = float(values[few - 1]), by_nearest[few - 1]
    top = np.quantile(np.sort(more, axis=1)[:, -STRONGEST:].mean(1), MOST)
    rows = np.stack([seen.all_of(int(picture)) for picture in pictures])
    marked = more >= max(LEAST, PART * top)
    edges = more >= max(FAINT, EDGE * top, float(np.quantile(more[~marked], USUAL)))
    spread = _spread(marked[marked.any(1)])
    return Exclusive(value, pictures, rows[marked], rows[edges], spread, nearest=few), values


def _spread(marked: NDArray[np.bool_]) -> float:
    """The mean part of a picture that is marked (picture, patch), less what pictures share of it.

    What they share: the squared mean intersection over union of two pictures. A frame is at one
    place in all to the patch, an object that is always in the middle nearly.
    """
    if not len(marked):
        return 0.0
    some = marked.astype(np.float64)
    both = some @ some.T
    size = np.diag(both)
    shares = both / np.maximum(size[:, None] + size[None] - both, 1)
    others = ~np.eye(len(some), dtype=np.bool_)
    same = float(shares[others].mean()) if len(some) > 1 else 0.0
    return float(some.mean()) * (1 - same**2)


def _best(features: Features, others: list[Features]) -> Features:
    """(picture, patch): the greatest cosine of each patch with one of each picture."""
    best = [(features @ one.T).max(1) for one in others]
    return np.stack(best) if best else np.zeros((0, len(features)), np.float32)


def _nearest(best: Features) -> Features:
    """(number - 1, patch): the mean of the greatest so many cosines; what is missing is 0."""
    greatest = np.zeros((OWN_NEAREST, best.shape[1]), np.float32)
    greatest[: len(best)] = np.sort(best, axis=0)[: -OWN_NEAREST - 1 : -1]
    return np.asarray(greatest.cumsum(0) / np.arange(1, OWN_NEAREST + 1)[:, None])


def _elsewhere(best: Features, classes: NDArray[np.integer], count: int) -> Features:
    """Of each patch, the mean of the greatest `count`, the nearest class left out where many are.

    Which class that is differs from patch to patch: the one without which the mean is least.
    """
    order = np.argsort(-best, axis=0)
    cosines, of = np.take_along_axis(best, order, axis=0), classes[order]
    mean = cosines[:count].sum(0) / count
    if len(np.unique(classes)) < ENOUGH:
        return np.asarray(mean)
    for near in of[:count]:
        left = of != near
        counted = left & (left.cumsum(0) <= count)
        mean = np.minimum(mean, (cosines * counted).sum(0) / count)
    return np.asarray(mean)


class _Described:
    """The patches of whole pictures by their principal components, at length 1."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        every = np.concatenate(list(seen.whole.values()))
        some = every[evenly(len(every), max(1, SAMPLE // seen.patch_count))]
        features = np.concatenate([self._of(int(one)) for one in some])
        self.mean = features.mean(0)
        centred = features - self.mean
        _, vectors = np.linalg.eigh(centred.T @ centred)
        self.components = vectors[:, -DIM:]

    def __call__(self, picture: int) -> Features:
        centred = (self._of(picture) - self.mean) @ self.components
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        return np.asarray(centred / np.maximum(length, 1e-6), dtype=np.float32)

    def _of(self, picture: int) -> Features:
        return self.seen.patches.features[self.seen.all_of(picture)].astype(np.float32)
