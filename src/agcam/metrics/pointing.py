"""Where the map points: its highest pixel, or all of its relevance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import MetricError
from ..values import BoxCase, MosaicCase
from .boxes import Mask, boxes_of, exact_mask, relevance_of


def pointing_game(case: BoxCase, tolerance: float = 0.0) -> float:
    """1 if the highest pixel lies in a truth box, or within `tolerance` pixels of one; else 0.

    Of several highest pixels each counts its part, so a constant map gets the boxes' share of the
    picture: no hit by luck of the order. Empty truth gives 0, a map without a seen pixel 0.
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
    """Positive relevance in the truth boxes / all positive relevance; nothing is subtracted.

    A constant map, and one without positive relevance, gets the boxes' share of the picture. Empty
    truth gives 0, a map without a seen pixel 0.
    """
    relevance = relevance_of(case.relevance)
    return _share(relevance, exact_mask(boxes_of(case), relevance.shape))


def own_cell_share(case: MosaicCase) -> float:
    """Positive relevance in the target's own cell / all positive relevance (grid pointing game).

    A constant map, and one without positive relevance, gets the cell's share of the mosaic.
    """
    relevance = relevance_of(case.relevance)
    cells = case.rows * case.columns
    height, width = relevance.shape
    if not 0 <= case.cell < cells or case.rows > height or case.columns > width:
        raise MetricError(
            f"cell {case.cell} of {case.rows} x {case.columns} is not in a map of {height} x "
            f"{width} pixels; cells are counted row by row from 0"
        )
    row, column = divmod(case.cell, case.columns)
    own = np.zeros(relevance.shape, dtype=np.bool_)
    own[_part(row, case.rows, height), _part(column, case.columns, width)] = True
    return _share(relevance, own)


def cell_share(case: MosaicCase) -> float:
    """What chance gets: one cell of all."""
    return 1 / (case.rows * case.columns)


def _part(index: int, parts: int, length: int) -> slice:
    return slice(round(index * length / parts), round((index + 1) * length / parts))


def _share(relevance: NDArray[np.float64], inside: Mask) -> float:
    seen = ~np.isnan(relevance)
    weight = np.where(seen, relevance, 0.0).clip(min=0)
    if not weight.any():
        weight = seen.astype(np.float64)
    if not seen.any():
        return 0.0
    weight = weight / weight.max()  # sums of very small or large numbers stay numbers
    return float(weight[inside].sum() / weight.sum())
