"""From a class's patch tokens, weighted by relevance, to its reasons: clusters of patches."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..values import Grid
from .values import Patches, Pictures, Reason

METHOD: Final = "agcam_focus"
LAYER: Final = 0.75  # of the blocks: whose values describe a patch
TOP_K: Final = 12  # patches of each map
CLUSTERS: Final = 5


def reasons_of(target: int, pictures: Pictures, patches: Patches, grid: Grid) -> tuple[Reason, ...]:
    """The reasons of one class, the largest share of its relevance first."""
    rows = np.flatnonzero(patches.target == target)
    rows = rows[pictures.predicted[patches.picture[rows]] == target]
    if not len(rows):
        return ()
    found = _clusters(target, pictures, patches, grid, rows)
    return tuple(sorted(found, key=lambda reason: -reason.share))


def _clusters(
    target: int, pictures: Pictures, patches: Patches, grid: Grid, rows: NDArray[np.intp]
) -> list[Reason]:
    from sklearn.cluster import MiniBatchKMeans

    features = patches.features[rows].astype(np.float32)
    features /= np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6)
    weights = patches.relevance[rows]
    model = MiniBatchKMeans(min(CLUSTERS, len(rows)), random_state=0, n_init=3)
    label = model.fit_predict(features, sample_weight=weights)
    count = len(np.unique(patches.picture[rows]))
    found = []
    for number in np.unique(label):
        inside = np.flatnonzero(label == number)
        distance = np.linalg.norm(features[inside] - model.cluster_centers_[number], axis=1)
        order = inside[np.argsort(-weights[inside])]
        first = order[np.sort(np.unique(patches.picture[rows[order]], return_index=True)[1])]
        rest = np.setdiff1d(order, first, assume_unique=True)
        places = np.bincount(
            patches.place[rows[inside]], weights[inside], minlength=grid.patches
        ).reshape(grid.rows, grid.columns)
        found.append(
            Reason(
                target,
                int(number),
                float(weights[inside].sum() / weights.sum()),
                len(first) / count,
                rows[np.concatenate([first, rest])],
                (places / places.sum()).astype(np.float32),
                {},
                model.cluster_centers_[number].astype(np.float32),
                float(np.quantile(distance, 0.95)),
            )
        )
    return found
