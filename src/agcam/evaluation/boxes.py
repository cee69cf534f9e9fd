"""Numbers from one map and the boxes that people drew."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import MetricError
from ..metrics import METRICS, SETS
from ..metrics.localization import Localization, corrected, paper
from ..metrics.max_box import best_box_ious
from ..values import BoxCase
from .batch import Item, Rows, ShardMaps, judged
from .measures import PAPER, Measure

FIVE = {name: (paper, name.removeprefix("paper_")) for name in PAPER}
FIVE |= {name: (corrected, name) for name in Localization._fields}
SWEEP = np.arange(0, 1, 0.01)  # thresholds of the stored curve of max_box_iou


def boxes(asked: ShardMaps, measures: Sequence[Measure], book: Rows) -> None:
    """Judge every map by boxes; a sample without a box is a failure, not a zero."""
    for picture, item in enumerate(asked.items):
        if isinstance(item.truth, str):
            book.fail(item.number, item.sample, "boxes", item.truth)
            continue
        if not len(item.truth.boxes):
            book.fail(item.number, item.sample, "boxes", "no box was drawn for it")
            continue
        wanted = [m for m in measures if asked.right(picture) or not m.right_only]
        for method in asked.methods:
            case = BoxCase(*judged(asked.maps(method)[picture], item))
            try:
                _one_map(case, wanted, item, method.name, book)
            except MetricError as error:
                book.fail(item.number, item.sample, "boxes", error, method.name)


def _one_map(
    case: BoxCase, measures: Sequence[Measure], item: Item, method: str, book: Rows
) -> None:
    five: dict[object, Localization] = {}  # each protocol is run once for its five numbers
    for measure in measures:
        if measure.name in FIVE:
            protocol, name = FIVE[measure.name]
            if protocol not in five:
                five[protocol] = protocol(case)
            book.note(item, method, measure.name, getattr(five[protocol], name))
        elif measure.name == "max_box_iou":
            sweep = best_box_ious(case, SWEEP)
            book.note(item, method, measure.name, float(sweep.max()), sweep)
        elif measure.of_set:
            book.keep(item, method, measure.name, SETS[measure.name].numbers(case))
        else:
            book.note(item, method, measure.name, METRICS[measure.name].function(case))
