"""Numbers from one map and the mask that people drew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MetricError
from ..metrics import METRICS, SETS
from ..values import MaskCase
from .batch import Item, Rows, ShardMaps, judged
from .measures import Measure


def masks(asked: ShardMaps, measures: Sequence[Measure], book: Rows) -> None:
    """Judge every map by masks; a sample without a mask is a failure, not a zero."""
    for picture, item in enumerate(asked.items):
        if isinstance(item.truth, str) or item.truth.mask is None:
            why = item.truth if isinstance(item.truth, str) else "no mask was drawn for it"
            book.fail(item.number, item.sample, "masks", why)
            continue
        height, width = asked.size
        mask = nearest(np.asarray(item.truth.mask), height, width)
        for method in asked.methods:
            for measure in measures:
                maps = (
                    asked.maps(method)
                    if measure.asks == "label"
                    else asked.predicted_class_maps(method)
                )
                case = MaskCase(judged(maps[picture], item)[0], mask)
                try:
                    _one_number(case, measure, item, method.name, book)
                except MetricError as error:
                    book.fail(item.number, item.sample, measure.name, error, method.name)


def nearest(mask: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The mask at another size: each pixel is the one that its centre falls on."""
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.intp)
    return np.asarray(mask[rows[:, None], columns])


def _one_number(case: MaskCase, measure: Measure, item: Item, method: str, book: Rows) -> None:
    if measure.of_set:
        book.keep(item, method, measure.name, SETS[measure.name].numbers(case))
    else:
        book.note(item, method, measure.name, METRICS[measure.name].function(case))
