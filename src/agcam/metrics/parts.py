"""Maps against what is known to matter: masks by their share, parts by what removing them does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MetricError
from ..values import MaskCase, PartCase
from .boxes import relevance_of
from .sanity import rank_correlation


def attribution_localization(case: MaskCase) -> float:
    """Positive relevance on the mask / all positive relevance; nothing is subtracted.

    Pixels that are not judged or not seen count on neither side. A map without positive relevance
    counts as a constant one.
    """
    weight, mask = _judged(case)
    weight = weight.clip(min=0)
    if not weight.any():
        weight = np.ones_like(weight)
    weight = weight / weight.max()  # sums of very small or large numbers stay numbers
    return float(weight[mask].sum() / weight.sum())


def mask_share(case: MaskCase) -> float:
    """The mask's share of the judged and seen pixels: what a constant map has."""
    _, mask = _judged(case)
    return float(mask.mean())


def single_deletion(case: PartCase) -> float:
    """`(1 + Spearman's correlation of relevance and drops) / 2` over the parts.

    One half where all parts have the same relevance, or the same drop.

    Raises:
        MetricError: For fewer than two parts, and NaN and infinite numbers.

    """
    relevance, drops = _parts(case)
    if len(drops) < 2:
        raise MetricError("ranks of parts need two parts or more; this picture has one")
    if not np.ptp(relevance) or not np.ptp(drops):
        return 0.5
    return (1 + rank_correlation(relevance, drops)) / 2


def part_drop(case: PartCase) -> float:
    """The mean drop over the parts, whatever the map."""
    return float(_parts(case)[1].mean())


def _judged(case: MaskCase) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Relevance and mask of the pixels that count, side by side."""
    relevance, mask = relevance_of(case.relevance), np.asarray(case.mask)
    if mask.shape != relevance.shape:
        raise MetricError(
            f"the mask is {mask.shape} and the map {relevance.shape}: they must have one size"
        )
    counts = (mask >= 0) & ~np.isnan(relevance)
    if not counts.any():
        raise MetricError("the model saw nothing of what the mask judges")
    return relevance[counts], mask[counts] == 1


def _parts(case: PartCase) -> tuple[NDArray[Any], NDArray[Any]]:
    relevance, drops = np.asarray(case.relevance, float), np.asarray(case.drops, float)
    if relevance.shape != drops.shape or relevance.ndim != 1 or not len(drops):
        raise MetricError(
            f"one relevance and one drop per part, not {relevance.shape, drops.shape}"
        )
    if not (np.isfinite(relevance).all() and np.isfinite(drops).all()):
        raise MetricError("parts have finite relevance and drops; those of this picture are not")
    return relevance, drops
