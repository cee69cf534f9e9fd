"""Where a model is wrong: confused pairs, labels that may be wrong, pictures unlike their class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from .seen import AT_ONCE
from .values import TOP_K, Patches, Pictures

PAIRS: Final = 12
SUSPECTS: Final = 24
GROUPS: Final = 3  # of a pair's pictures, at most
ENOUGH: Final = 4  # pictures of a pair that are worth a second group
FEW: Final = 4  # pictures of a class whose centre says something


@dataclass(frozen=True, eq=False)
class Pair:
    """Pictures of one class that are called another.

    Attributes:
        rows: Rows of `Pictures`, the surest mistake first.
        group: For each row, which spoke for the wrong class: a number from 0, the largest first.
        difference: (group, row, column): mean map of the called class less that of the label,
            positive where the wrong class is spoken for.
    """

    label: int
    predicted: int
    rows: Int[np.ndarray, " picture"]
    group: Int[np.ndarray, " picture"]
    difference: Float[np.ndarray, "group row column"]


@dataclass(frozen=True)
class Suspect:
    """A picture that does not fit: its row, how little it fits (more is worse), and what it is."""

    row: int
    score: float
    other: int


def pairs(pictures: Pictures) -> tuple[Pair, ...]:
    """The pairs of classes that are confused most often."""
    wrong = np.flatnonzero(~pictures.right & (pictures.label >= 0) & (pictures.predicted >= 0))
    if not len(wrong):
        return ()
    both = np.stack([pictures.label[wrong], pictures.predicted[wrong]], axis=1)
    kinds, inverse, counts = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:PAIRS]
    return tuple(
        _pair(pictures, int(kinds[one, 0]), int(kinds[one, 1]), wrong[inverse.ravel() == one])
        for one in order
    )


def _pair(pictures: Pictures, label: int, predicted: int, rows: Int[np.ndarray, " n"]) -> Pair:
    sure = pictures.probability[rows, 0] - pictures.probability[rows, 1]
    rows = rows[np.argsort(-np.nan_to_num(sure), kind="stable")]
    maps = pictures.predicted_map[rows] - pictures.label_map[rows]
    group = _grouped(maps.reshape(len(rows), -1))
    means = np.stack([maps[group == one].mean(axis=0) for one in range(group.max() + 1)])
    return Pair(label, predicted, rows, group, np.asarray(means, dtype=np.float32))


def _grouped(maps: Float[np.ndarray, "n patch"]) -> Int[np.ndarray, " n"]:
    """Which maps are alike: few groups, the largest first."""
    count = min(GROUPS, len(maps) // ENOUGH)
    if count < 2:
        return np.zeros(len(maps), dtype=np.int64)
    from sklearn.cluster import KMeans

    length = np.maximum(np.linalg.norm(maps, axis=1, keepdims=True), 1e-9)
    found = KMeans(count, n_init=4, random_state=0).fit_predict(maps / length)
    _, found, counts = np.unique(found, return_inverse=True, return_counts=True)
    place = np.argsort(np.argsort(-counts, kind="stable"))
    return np.asarray(place[found], dtype=np.int64)


def label_suspects(pictures: Pictures) -> tuple[Suspect, ...]:
    """Labels most likely wrong, by confident learning: another class is surer than is usual for it.

    A picture counts where its called class is at least as probable as it is on average in pictures
    of that class; the surer, and the less probable the label, the more (Northcutt et al. 2021).
    """
    called, probability = pictures.predicted, pictures.probability
    usual = {
        int(one): float(probability[pictures.label == one, 1].mean())
        for one in np.unique(pictures.label)
    }
    wrong = np.flatnonzero(~pictures.right & (called >= 0) & (pictures.label >= 0))
    sure = [row for row in wrong if probability[row, 0] >= usual.get(int(called[row]), np.inf)]
    found = [
        Suspect(int(row), float(probability[row, 0] - probability[row, 1]), int(called[row]))
        for row in sure
    ]
    return tuple(sorted(found, key=lambda one: -one.score)[:SUSPECTS])


def outliers(pictures: Pictures, patches: Patches) -> tuple[Suspect, ...]:
    """Pictures most unlike others of their class, by the patches that speak for it.

    A picture is the mean of its patches' features, weighed by relevance and of length 1; its score
    is its distance (1 - cosine) from the mean of its class, over the class's median.
    """
    of_label = patches.target == pictures.label[patches.picture]
    own = np.flatnonzero(of_label & (patches.rank < TOP_K))
    own = own[np.argsort(patches.target[own], kind="stable")]
    found = []
    for mine in np.split(own, np.flatnonzero(np.diff(patches.target[own])) + 1):
        rows, features = _described(patches, mine)
        if len(rows) < FEW:
            continue
        centre = features.mean(axis=0)
        away = 1 - features @ centre / max(float(np.linalg.norm(centre)), 1e-9)
        usual = max(float(np.median(away)), 1e-6)
        target = int(patches.target[mine[0]])
        found += [
            Suspect(int(row), float(distance) / usual, target)
            for row, distance in zip(rows, away, strict=True)
        ]
        found = sorted(found, key=lambda one: -one.score)[:SUSPECTS]
    return tuple(found)


def _described(
    patches: Patches, rows: Int[np.ndarray, " patch"]
) -> tuple[Int[np.ndarray, " picture"], Float[np.ndarray, "picture dim"]]:
    """The pictures of some patches, and what describes them: the weighed mean, of length 1."""
    pictures, place = np.unique(patches.picture[rows], return_inverse=True)
    place, sums = place.ravel(), np.zeros((len(pictures), patches.features.shape[1]), np.float32)
    for first in range(0, len(rows), AT_ONCE):
        some = slice(first, first + AT_ONCE)
        weighed = patches.features[rows[some]] * patches.relevance[rows[some], None]
        np.add.at(sums, place[some], weighed.astype(np.float32))
    return pictures, sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
