"""A few ImageNet photographs with a JSON file of their boxes."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np

from ..addresses import Place
from ..values import DataSet, Sample, Truth
from .common import INCLUSIVE, Classes, reader, reading, require_known, truth_of, wrong_layout
from .synsets import imagenet_classes

_LAYOUT = (
    "boxes.json (a list of objects with file, synset or imagenet_index, boxes, and width and "
    "height if known) and the pictures beside it"
)


def read(root: str) -> DataSet:
    """Samples by file name; classes are ImageNet's 1,000, in the order of their numbers.

    Boxes are those of ImageNet's XML: pixels from 0, the last one included.
    """
    place = Place(root)
    if not place.has("boxes.json"):
        raise wrong_layout(place, _LAYOUT, "boxes.json")
    classes = Classes(imagenet_classes())
    with reading(place.at("boxes.json")):
        entries = {
            str(entry.get("file", f"(entry {number})")): entry
            for number, entry in enumerate(json.loads(place.text("boxes.json")))
        }
        samples = tuple(
            Sample(name, place.at(name), classes.label(_synset(entries[name], classes)))
            for name in sorted(entries)
        )
    truth = partial(_truth, entries=entries, names=tuple(classes.names), known=classes.known)
    return DataSet("imagenet_boxes", tuple(classes.names), samples, truth)


def _synset(entry: dict[str, Any], classes: Classes) -> str:
    if "synset" in entry:
        return str(entry["synset"])
    number = entry.get("imagenet_index", -1)
    known = isinstance(number, int) and 0 <= number < classes.known
    return classes.names[number][0] if known else f"class {number}"


def _truth(
    sample: Sample,
    *,
    entries: dict[str, dict[str, Any]],
    names: tuple[tuple[str, ...], ...],
    known: int,
) -> Truth:
    require_known(sample, known, names)
    with reading(f"the annotation of {sample.name}"):
        entry = entries[sample.name]
        boxes = np.array(entry["boxes"], dtype=np.float64).reshape(-1, 4) + INCLUSIVE
        size = int(entry.get("width", 0)), int(entry.get("height", 0))
    return truth_of(sample, boxes, stated=size)


READER = reader(
    "imagenet_boxes", read, _LAYOUT, "Russakovsky et al., ImageNet, IJCV 2015, arXiv 1409.0575"
)
