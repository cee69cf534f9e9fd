"""A few ImageNet photographs with a JSON file of their boxes."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..addresses import Place
from ..values import Sample
from .annotation import INCLUSIVE, Annotation, reading
from .checked import from_json, json_integer, json_list, json_numbers, json_text, shown
from .classes import Classes
from .reader import Listing, bad, reader, require
from .synsets import imagenet_classes

_LAYOUT = (
    "boxes.json (a list of objects with file, synset or imagenet_index, boxes, and width and "
    "height if known) and the pictures beside it"
)


def read(root: str) -> Listing:
    """Samples by file name; classes are ImageNet's 1,000, in the order of their numbers.

    Boxes are those of ImageNet's XML: pixels from 0, the last one included.
    """
    place = Place(root)
    require(place, "boxes.json")
    classes = Classes(imagenet_classes())
    with reading(place.at("boxes.json")):
        listed = json_list(from_json(place.text("boxes.json")), "boxes.json")
    named = [(_file(entry, number), entry) for number, entry in enumerate(listed)]
    samples = [
        _sample(name, place.at(name), entry, classes)
        for name, entry in sorted(named, key=lambda pair: pair[0])
    ]
    annotate = partial(_annotate, entries=dict(named))
    return Listing(classes, samples, annotate)


def _file(entry: Any, number: int) -> str:
    """The picture's name, or how one without a name is called."""
    file = entry.get("file") if isinstance(entry, dict) else None
    return file if isinstance(file, str) and file else f"(entry {number})"


def _sample(name: str, address: str, entry: Any, classes: Classes) -> Sample:
    try:
        return Sample(name, address, classes.label(_synset(entry, classes)))
    except (ValueError, TypeError, AttributeError) as error:
        return bad(name, f"{name} in boxes.json: {error}", address)


def _synset(entry: dict[str, Any], classes: Classes) -> str:
    stated = [json_text(entry["synset"])] if "synset" in entry else []
    if "imagenet_index" in entry or not stated:
        stated.append(classes.first_name(json_integer(entry.get("imagenet_index"))))
    if len(set(stated)) > 1:
        raise ValueError(f"synset is {shown(stated[0])}, but imagenet_index is of {stated[1]}")
    return stated[0]


def _annotate(sample: Sample, *, entries: dict[str, dict[str, Any]]) -> Annotation:
    entry = entries[sample.name]
    boxes = [json_numbers(box, 4) for box in json_list(entry.get("boxes"), "boxes")]
    size = json_integer(entry.get("width", 0)), json_integer(entry.get("height", 0))
    return Annotation(np.array(boxes).reshape(-1, 4) + INCLUSIVE, size=size)


READER = reader(
    "imagenet_boxes", read, _LAYOUT, "Russakovsky et al., ImageNet, IJCV 2015, arXiv 1409.0575"
)
