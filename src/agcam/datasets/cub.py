"""Caltech-UCSD Birds 200-2011, the test split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

import numpy as np

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .common import Classes, read_mask, reader, reading, require_known, truth_of, wrong_layout

_LAYOUT = (
    "images/, images.txt, image_class_labels.txt, train_test_split.txt, bounding_boxes.txt and "
    "classes.txt (in the root or CUB_200_2011/), and segmentations/ there or beside it if masks "
    "are wanted"
)
_FILES = (
    "images.txt",
    "image_class_labels.txt",
    "train_test_split.txt",
    "bounding_boxes.txt",
    "classes.txt",
)
_MAJORITY = 128  # a mask's grey is the share of its five annotators, of 255


def read(root: str) -> DataSet:
    """The pictures marked 0 in train_test_split.txt, by their number; one box each.

    A box is x, y, width, height in pixels: right is x + width. A mask is 1 where at least half of
    its annotators saw the bird.
    """
    outer = Place(root)
    place = outer.folder("CUB_200_2011") if outer.has("CUB_200_2011/images.txt") else outer
    missing = next((name for name in _FILES if not place.has(name)), None)
    if missing is not None:
        raise wrong_layout(place, _LAYOUT, missing)
    paths, labels, training, boxes, named = (_lines(place, name) for name in _FILES)
    classes = Classes(_names(name) for _, name in sorted(named.items(), key=_number))
    first = {number: names[0] for number, names in zip(_ordered(named), classes.names, strict=True)}
    samples = tuple(
        Sample(path, place.at(f"images/{path}"), classes.label(_first(labels.get(number), first)))
        for number, path in sorted(paths.items(), key=_number)
        if training.get(number) == "0"
    )
    if not samples:
        raise wrong_layout(place, _LAYOUT, "a test picture (0 in train_test_split.txt)")
    return DataSet(
        "cub",
        tuple(classes.names),
        samples,
        partial(
            _truth,
            boxes={path: boxes.get(number) for number, path in paths.items()},
            masks=_masks(outer, place),
            names=tuple(classes.names),
            known=classes.known,
        ),
    )


def _first(label: str | None, first: Mapping[str, str]) -> str:
    return first.get(label or "", f"class {label}" if label else "(no label)")


def _lines(place: Place, name: str) -> dict[str, str]:
    """`1 words` in each line, number -> words."""
    with reading(place.at(name)):
        parts = [line.strip().partition(" ") for line in place.text(name).splitlines()]
    return {number: rest.strip() for number, _, rest in parts if number}


def _number(item: tuple[str, str]) -> tuple[int, str]:
    return (int(item[0]) if item[0].isdecimal() else 0, item[0])


def _ordered(named: Mapping[str, str]) -> list[str]:
    return [number for number, _ in sorted(named.items(), key=_number)]


def _names(folder: str) -> tuple[str, ...]:
    """`001.Black_footed_Albatross` is known as that and as "Black footed Albatross"."""
    return folder, re.sub(r"^\d+\.", "", folder).replace("_", " ")


def _masks(*places: Place) -> dict[str, str]:
    """Picture without its suffix -> address of its mask; none where there is no segmentations/."""
    for place in places:
        found = place.files("segmentations", (".png",))
        if found:
            return {name[:-4]: place.at(f"segmentations/{name}") for name in found}
    return {}


def _truth(
    sample: Sample,
    *,
    boxes: Mapping[str, str | None],
    masks: Mapping[str, str],
    names: tuple[tuple[str, ...], ...],
    known: int,
) -> Truth:
    require_known(sample, known, names)
    line = boxes[sample.name]
    if line is None:
        raise DataSetError(f"{sample.name}: bounding_boxes.txt has no line for it")
    with reading(f"the box of {sample.name}"):
        x, y, width, height = (float(word) for word in line.split())
    address = masks.get(sample.name.rsplit(".", 1)[0])
    mask = None
    if address is not None:
        mask = (read_mask(address) >= _MAJORITY).astype(np.int8)
    return truth_of(sample, [[x, y, x + width, y + height]], mask=mask)


READER = reader("cub", read, _LAYOUT, "Wah et al., Caltech-UCSD Birds-200-2011, CNS-TR-2011-001")
