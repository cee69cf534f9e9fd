"""From a class's patch tokens, weighted by relevance, to its reasons: clusters of patches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..values import Grid
from .exclusive import Exclusive
from .seen import Features, Rows, Seen, evenly
from .tone import tone_of
from .values import Patches, Reason

METHOD: Final = "agcam_evidence"
LAYER: Final = 0.5  # of the blocks: whose values describe a patch

ALIKE: Final = 0.45  # mean cosine between the patches of one reason
MOST: Final = 6  # reasons of a class
LEAST: Final = 3  # pictures with the reason; fewer where the class has fewer
CLUSTERED: Final = 2000  # patches of a class that are clustered; the others join


def reasons_of(
    target: int, seen: Seen, grid: Grid, exclusive: Exclusive | None = None
) -> tuple[Reason, ...]:
    """The reasons of one class, the largest share of its relevance first.

    The class's pictures are those predicted as it. Reasons are clusters of average linkage of the
    cosine between their patches' directions. A patch that is like no others belongs to none, so
    shares add up to less than 1. What the class alone shows is one reason of its own, whose patches
    are in no cluster. A tone that the class's pictures share comes last.
    """
    if target not in seen.rows:
        return ()
    rows = seen.rows[target]
    special = None if exclusive is None else _of_exclusive(target, exclusive, seen, grid)
    taken = rows[:0] if special is None else special.patches
    clusters = _of_clusters(target, seen, grid, rows[~np.isin(rows, taken)])
    every = sorted((*clusters, *([special] if special else [])), key=lambda one: -one.share)
    numbered = [replace(one, number=number) for number, one in enumerate(every)]
    return (*numbered, *_of_tone(target, len(numbered), seen, rows))


def _of_clusters(target: int, seen: Seen, grid: Grid, rows: Rows) -> list[Reason]:
    """The clusters of a class's patches, the largest first."""
    if not len(rows):
        return []
    patches = seen.patches
    picture = patches.picture[rows]
    count = len(np.unique(patches.picture[seen.rows[target]]))
    weight = weights(patches, seen.rows[target])[np.isin(seen.rows[target], rows)]
    centres = _clusters(seen.directions(rows[evenly(len(rows), CLUSTERED)]))
    label, cosine = _joined(seen, rows, centres)
    groups = [np.flatnonzero(label == number) for number in range(len(centres))]
    least = min(LEAST, count)
    groups = [some for some in groups if len(np.unique(picture[some])) >= least]
    groups.sort(key=lambda some: (-weight[some].sum(), rows[some[0]]))
    return [
        Reason(
            target,
            number,
            share=float(weight[some].sum() / count),
            occurrence=len(np.unique(picture[some])) / count,
            patches=rows[_best_first(some, picture, weight)],
            places=_places(patches.place[rows[some]], weight[some], grid),
            elsewhere=_elsewhere(centres[label[some[0]]], cosine[some], target, seen),
        )
        for number, some in enumerate(groups[:MOST])
    ]


def _of_exclusive(target: int, found: Exclusive, seen: Seen, grid: Grid) -> Reason | None:
    """What the class alone shows as a reason; None where it shows nothing in several pictures."""
    patches, rows = seen.patches, found.patches
    picture, count = patches.picture[rows], len(seen.whole[target])
    occurrence = len(np.unique(picture)) / count
    if len(np.unique(picture)) < min(LEAST, found.nearest + 1, count):
        return None
    weight = np.maximum(patches.relevance[rows].astype(np.float64), 1e-9)
    examples = _best_first(np.arange(len(rows)), picture, weight)
    best = seen.directions(rows[examples[: len(np.unique(picture))]])
    centre = best.mean(0) / max(float(np.linalg.norm(best.mean(0))), 1e-6)
    return Reason(
        target,
        0,
        share=float(weight.sum() / count),
        occurrence=occurrence,
        patches=rows[examples],
        places=_places(patches.place[rows], weight, grid),
        elsewhere=_elsewhere(centre, best @ centre, target, seen),
        exclusive=found.value,
    )


def _of_tone(target: int, number: int, seen: Seen, rows: Rows) -> Iterator[Reason]:
    """The tone of the class's pictures as a reason, if they have one."""
    pictures, patches = seen.pictures, seen.patches
    own = pictures.predicted == target
    tone = tone_of(own, pictures.tone)
    if tone is None:
        return
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
        elsewhere=_shares(pictures.predicted, tone.there, target),
        gains=tone.gains,
    )


def weights(patches: Patches, rows: Rows) -> NDArray[np.float64]:
    """Relevance; each picture's sums to 1."""
    _, picture = np.unique(patches.picture[rows], return_inverse=True)
    relevance = np.maximum(patches.relevance[rows].astype(np.float64), 1e-9)
    return np.asarray(relevance / np.bincount(picture, relevance)[picture])


def _clusters(features: Features) -> Features:
    """The centre of each cluster (cluster, dim), at length 1."""
    from sklearn.cluster import AgglomerativeClustering

    if len(features) < 2:
        return features
    model = AgglomerativeClustering(
        None, metric="cosine", linkage="average", distance_threshold=1 - ALIKE
    )
    label = model.fit_predict(features)
    means = np.stack([features[label == number].mean(0) for number in np.unique(label)])
    return np.asarray(means / np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-6))


def _joined(seen: Seen, rows: Rows, centres: Features) -> tuple[Rows, Features]:
    """The nearest centre of each patch, and the cosine with it."""
    parts = (features @ centres.T for features in seen.parts(rows))
    label, cosine = zip(*((some.argmax(1), some.max(1)) for some in parts), strict=True)
    return np.concatenate(label), np.concatenate(cosine)


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


def _elsewhere(centre: Features, own: Features, target: int, seen: Seen) -> dict[int, float]:
    """In how large a share of each other class's pictures a patch is as near as its `own` are."""
    sample = seen.sample
    near = sample.best(centre[None])[0] >= np.quantile(own, 0.1)
    return _shares(sample.target, near, target)


def _shares(classes: NDArray[np.int32], there: NDArray[np.bool_], target: int) -> dict[int, float]:
    """For each class but one, in how large a share of its pictures something is there."""
    known = classes >= 0
    every, some = np.bincount(classes[known]), np.bincount(classes[known & there])
    some = np.pad(some, (0, len(every) - len(some)))
    return {
        number: float(some[number] / every[number])
        for number in np.flatnonzero(every).tolist()
        if number != target
    }
