"""Pictures with a planted object, each beside the same picture without it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from ..addresses import Place
from ..values import Part, Sample
from .annotation import Annotation, read_mask, reading
from .classes import Classes
from .csv_rows import Row, csv_rows
from .reader import Listing, bad, missing, reader, require

_LAYOUT = (
    "planted.csv (file,class,mask,without) with paths beside it: the picture with the plant, a "
    "grey picture that is above 0 on the plant, the picture without it"
)
_FILE: Final = "planted.csv"
_COLUMNS: Final = ("file", "class", "mask", "without")


class _Plant(NamedTuple):
    mask: str
    without: str


def read(root: str) -> Listing:
    """Samples by file, in the order of planted.csv; classes in the order of their names.

    The class is the one that the model is known to see in the plant, whatever else is shown; the
    mask, and the only part, is the plant.
    """
    place = Place(root)
    require(place, _FILE)
    with reading(place.at(_FILE)):
        first, *rows = list(csv_rows(place.lines(_FILE))) or [Row(1, ())]
    if tuple(first.cells) != _COLUMNS:
        raise missing(place, f"the first line {','.join(_COLUMNS)} of {_FILE}")
    sound = [row for row in rows if not row.problem and len(row.cells) == 4 and all(row.cells)]
    names = sorted({row.cells[1] for row in sound})
    label = {name: number for number, name in enumerate(names)}
    samples = [Sample(row.cells[0], place.at(row.cells[0]), label[row.cells[1]]) for row in sound]
    problems = [
        bad(where := f"line {row.line} of {_FILE}", f"{where}: {row.problem or 'a cell is empty'}")
        for row in rows
        if row not in sound
    ]
    plants = {row.cells[0]: _Plant(row.cells[2], row.cells[3]) for row in sound}
    annotate = partial(_annotate, place=place, plants=plants)
    return Listing(Classes((name,) for name in names), samples + problems, annotate)


def _annotate(sample: Sample, *, place: Place, plants: Mapping[str, _Plant]) -> Annotation:
    plant = plants[sample.name]
    mask = read_mask(place.at(plant.mask)) > 0
    part = Part("plant", mask, place.at(plant.without))
    return Annotation(mask=mask.astype(np.int8), parts=[part])


READER = reader("planted", read, _LAYOUT, "agcam: docs/planted-evidence.md")
