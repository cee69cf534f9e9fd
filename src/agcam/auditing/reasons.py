"""From a class's patch tokens, weighted by relevance, to its reasons: clusters of patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..values import Grid
from .tone import tone_of
from .values import Patches, Pictures, Reason

METHOD: Final = "agcam_evidence"
LAYER: Final = 0.7  # of the blocks: whose values describe a patch
TOP_K: Final = 10  # patches of each map

ALIKE: Final = 0.45  # mean cosine between the patches of one reason
MOST: Final = 6  # reasons of a class
LEAST: Final = 3  # pictures with the reason; fewer where the class has fewer
CLUSTERED: Final = 2000  # patches of a class that are clustered; the others join
_CENTRED: Final = 20_000  # patches whose mean is taken off

Features = NDArray[np.float32]


def reasons_of(target: int, pictures: Pictures, patches: Patches, grid: Grid) -> tuple[Reason, ...]:
    """The reasons of one class, the largest share of its relevance first.

    The class's pictures are those predicted as it. Reasons are clusters of average linkage of the
    cosine between their patches' `directions`. A patch that is like no others belongs to none, so
    shares add up to less than 1. A tone that the class's pictures share comes last.
    """
    rows = np.flatnonzero(patches.target == target)
    rows = rows[pictures.predicted[patches.picture[rows]] == target]
    if not len(rows):
        return ()
    features, picture = directions(patches, rows), patches.picture[rows]
    weight, count = weights(patches, rows, grid.patches), len(np.unique(picture))
    label = _joined(features, _clusters(features[_evenly(len(rows), CLUSTERED)]))
    groups = [np.flatnonzero(label == number) for number in np.unique(label)]
    least = min(LEAST, count)
    groups = [some for some in groups if len(np.unique(picture[some])) >= least]
    groups.sort(key=lambda some: (-weight[some].sum(), rows[some[0]]))
    found = [
        Reason(
            target,
            number,
            share=float(weight[some].sum() / count),
            occurrence=len(np.unique(picture[some])) / count,
            patches=rows[_best_first(some, picture, weight)],
            places=_places(patches.place[rows[some]], weight[some], grid),
            elsewhere=_elsewhere(features[some], target, pictures, patches),
        )
        for number, some in enumerate(groups[:MOST])
    ]
    return (*found, *_of_tone(target, len(found), pictures, patches, rows))


def _of_tone(
    target: int, number: int, pictures: Pictures, patches: Patches, rows: NDArray[np.intp]
) -> Iterator[Reason]:
    """The tone of the class's pictures as a reason, if they have one."""
    own = pictures.predicted == target
    tone = tone_of(own, pictures.tone)
    if tone is None:
        return
    classes = np.unique(pictures.predicted).tolist()
    elsewhere = {
        other: float(tone.there[pictures.predicted == other].mean())
        for other in classes
        if other != target
    }
    some = rows[tone.there[patches.picture[rows]]]
    strongest = some[np.argsort(-patches.relevance[some], kind="stable")]
    first = np.sort(np.unique(patches.picture[strongest], return_index=True)[1])
    places = pictures.predicted_map[tone.there & own].sum(0)
    share = float(tone.there[own].mean())
    yield Reason(
        target,
        number,
        share=share,
        occurrence=share,
        patches=strongest[first],
        places=np.asarray(places / max(float(places.sum()), 1e-9), dtype=np.float32),
        elsewhere=elsewhere,
        gains=tone.gains,
    )


def directions(patches: Patches, rows: NDArray[np.intp]) -> Features:
    """(row, dim): features less the mean of all patches, at length 1.

    The mean is of the whole data set, so that cosines of two classes can be compared.
    """
    sample = patches.features[_evenly(len(patches), _CENTRED)]
    centred = patches.features[rows].astype(np.float32) - sample.mean(0, dtype=np.float32)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(length, 1e-6), dtype=np.float32)


def weights(patches: Patches, rows: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Relevance above the mean of the map of `count` patches; each picture's sums to 1."""
    _, picture = np.unique(patches.picture[rows], return_inverse=True)
    relevance = np.maximum(patches.relevance[rows].astype(np.float64) - 1 / count, 1e-9)
    return np.asarray(relevance / np.bincount(picture, relevance)[picture])


def _clusters(features: Features) -> list[Features]:
    """The centre of each cluster, at length 1."""
    from sklearn.cluster import AgglomerativeClustering

    if len(features) < 2:
        return [features.mean(0)]
    model = AgglomerativeClustering(
        None, metric="cosine", linkage="average", distance_threshold=1 - ALIKE
    )
    label = model.fit_predict(features)
    means = [features[label == number].mean(0) for number in np.unique(label)]
    return [mean / max(float(np.linalg.norm(mean)), 1e-6) for mean in means]


def _joined(features: Features, centres: Sequence[Features]) -> NDArray[np.intp]:
    """The nearest centre of each patch."""
    return np.asarray((features @ np.stack(centres).T).argmax(1))


def _best_first(
    some: NDArray[np.intp], picture: NDArray[np.int32], weight: NDArray[np.float64]
) -> NDArray[np.intp]:
    """The strongest patch of each picture, the strongest first; then the rest."""
    order = some[np.argsort(-weight[some], kind="stable")]
    first = np.sort(np.unique(picture[order], return_index=True)[1])
    return np.concatenate([order[first], np.delete(order, first)])


def _places(
    place: NDArray[np.int32], weight: NDArray[np.float64], grid: Grid
) -> NDArray[np.float32]:
    at = np.bincount(place, weight, minlength=grid.patches)
    shares = at.reshape(grid.rows, grid.columns) / at.sum()
    return np.asarray(shares, dtype=np.float32)


def _elsewhere(
    features: Features, target: int, pictures: Pictures, patches: Patches
) -> dict[int, float]:
    """In how large a share of each other class's pictures a patch is as near as its own are."""
    centre = features.mean(0)
    nearest = np.quantile(features @ centre, 0.1)
    found = {}
    for other in np.unique(pictures.predicted).tolist():
        rows = np.flatnonzero(patches.target == other)
        rows = rows[pictures.predicted[patches.picture[rows]] == other]
        if other == target or not len(rows):
            continue
        near = directions(patches, rows) @ centre >= nearest
        picture = patches.picture[rows]
        found[other] = len(np.unique(picture[near])) / len(np.unique(picture))
    return found


def _evenly(count: int, most: int) -> NDArray[np.intp]:
    """At most so many numbers below `count`, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.intp))
