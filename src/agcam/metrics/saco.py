"""SaCo (Wu et al., CVPR 2024): groups of more relevance should cost more probability."""

from __future__ import annotations

import numpy as np

from ..errors import MetricError
from ..values import GroupCase


def saco(case: GroupCase) -> float:
    """Over all pairs of groups: sum of differences of relevance, signed / unsigned, in [-1, 1].

    A difference counts against the map where the group with less relevance costs more. A constant
    map, whose groups do not differ, gives 0.

    Raises:
        MetricError: For NaN and infinite numbers, and groups without one relevance and one drop.

    """
    relevance, drops = np.asarray(case.relevance, float), np.asarray(case.drops, float)
    if relevance.shape != drops.shape or relevance.ndim != 1:
        raise MetricError(
            f"one relevance and one drop per group, not {relevance.shape, drops.shape}"
        )
    if not (np.isfinite(relevance).all() and np.isfinite(drops).all()):
        raise MetricError("groups have finite relevance and drops; those of this map are not")
    first, second = np.triu_indices(len(drops), 1)
    differences = relevance[first] - relevance[second]
    total = np.abs(differences).sum()
    agrees = np.where(drops[first] >= drops[second], 1, -1)
    return float((agrees * differences).sum() / total) if total > 0 else 0.0
