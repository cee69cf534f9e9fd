"""Where the map points: its highest pixel, or all of its relevance."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from ..values import BoxCase
from .boxes import boxes_of, exact_mask, relevance_of


def pointing_game(case: BoxCase, tolerance: float = 0.0) -> float:
    """1 if the highest pixel lies in an annotated box, or within `tolerance` pixels of one; else 0.

    Several highest pixels share the hit, so that the order of pixels plays no part.
    """
    relevance = relevance_of(case.relevance)
    seen = ~np.isnan(relevance)
    inside = exact_mask(boxes_of(case), relevance.shape)
    if not seen.any() or not inside.any():
        return 0.0
    if tolerance > 0:
        inside = np.asarray(ndimage.distance_transform_edt(~inside) <= tolerance)
    highest = relevance == relevance[seen].max()
    return float(inside[highest].mean())


def energy_pointing_game(case: BoxCase) -> float:
    """Positive relevance in the annotated boxes / all positive relevance; nothing is subtracted.

    A map without positive relevance counts as a constant one.
    """
    relevance = relevance_of(case.relevance)
    inside = exact_mask(boxes_of(case), relevance.shape)
    seen = ~np.isnan(relevance)
    weight = np.where(seen, relevance, 0.0).clip(min=0)
    if not weight.any():
        weight = seen.astype(np.float64)
    if not seen.any():
        return 0.0
    weight = weight / weight.max()  # sums of very small or large numbers stay numbers
    return float(weight[inside].sum() / weight.sum())
