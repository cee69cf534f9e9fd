"""SaCo (Wu et al., CVPR 2024): groups of more relevance should cost more probability.

`pixel_groups` and `without_groups` make the pictures, a model elsewhere gives the target's
probability for each, `group_case` and `saco` score them.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import MetricError
from ..values import GroupCase
from .perturbation import FILLS, removal_order

GROUPS: Final = 10


def pixel_groups(relevance: NDArray[Any], groups: int = GROUPS) -> NDArray[np.intp]:
    """(row, column): the group of each pixel, 0 the most relevant; sizes differ by one at most."""
    if not 1 < groups <= relevance.size:
        raise MetricError(f"{relevance.size} pixels cannot be put into {groups} groups")
    group = np.empty(relevance.size, dtype=np.intp)
    group[removal_order(relevance, "morf")] = np.arange(relevance.size) * groups // relevance.size
    return group.reshape(relevance.shape)


def without_groups(
    pixels: NDArray[Any], relevance: NDArray[Any], groups: int = GROUPS, fill: str = "mean"
) -> NDArray[Any]:
    """(group, 3, row, column): the picture without one group at a time, its mean colour instead."""
    gone = pixel_groups(relevance, groups) == np.arange(groups)[:, None, None]
    return np.where(gone[:, None], FILLS[fill](pixels), pixels).astype(pixels.dtype)


def group_case(relevance: NDArray[Any], probability: float, without: NDArray[Any]) -> GroupCase:
    """The map's relevance in each group, and the probability lost without it."""
    lost = probability - np.asarray(without, dtype=np.float64)
    members = pixel_groups(relevance, len(lost)).reshape(-1)
    sums = np.bincount(members, weights=np.asarray(relevance, dtype=np.float64).reshape(-1))
    return GroupCase(sums, lost)


def saco(case: GroupCase) -> float:
    """Over all pairs of groups: sum of differences of relevance, signed / unsigned, in [-1, 1].

    A difference counts against the map where the group with less relevance costs more. A constant
    map, whose groups differ in nothing, gives 0.
    """
    relevance, drops = np.asarray(case.relevance, float), np.asarray(case.drops, float)
    if relevance.shape != drops.shape or relevance.ndim != 1:
        raise MetricError(f"one relevance and one drop a group, not {relevance.shape, drops.shape}")
    if not (np.isfinite(relevance).all() and np.isfinite(drops).all()):
        raise MetricError("groups have finite relevance and drops; the map or the model has not")
    first, second = np.triu_indices(len(drops), 1)
    differences = relevance[first] - relevance[second]
    total = np.abs(differences).sum()
    agrees = np.where(drops[first] >= drops[second], 1, -1)
    return float((agrees * differences).sum() / total) if total > 0 else 0.0
