"""Caltech-UCSD Birds 200-2011, the test split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, numbered_lines, read_mask
from .checked import integer, numbers, shown
from .classes import NO_LABEL, Classes
from .reader import Listing, bad, missing, reader, require

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


class _Lines(NamedTuple):
    """The words that a file has for each number, and what is wrong with those of other numbers."""

    words: dict[int, str]
    problems: dict[int, str]


def read(root: str) -> Listing:
    """The pictures marked 0 in train_test_split.txt, by their number; one box each.

    A box is x, y, width, height in pixels: right is x + width. A mask is 1 where at least half of
    its annotators saw the bird.
    """
    outer = Place(root)
    place = outer.folder("CUB_200_2011") if outer.has("CUB_200_2011/images.txt") else outer
    require(place, *_FILES)
    paths, labels, training, boxes, named = (_lines(place, name) for name in _FILES)
    for number, problem in named.problems.items():
        raise DataSetError(f"{place.at('classes.txt')}: {problem} (class {number})")
    classes = Classes(_names(named.words[number]) for number in sorted(named.words))
    first = dict(zip(sorted(named.words), (names[0] for names in classes.names), strict=True))
    found = [
        _sample(number, place, classes, first, (paths, labels, training, boxes))
        for number in sorted(paths.words)
    ]
    samples = [sample for sample in found if sample is not None]
    samples += [bad(f"(picture {n})", why) for n, why in sorted(paths.problems.items())]
    if not samples:
        raise missing(place, "a test picture (0 in train_test_split.txt)")
    lines = {path: boxes.words.get(number) for number, path in paths.words.items()}
    annotate = partial(_annotate, boxes=lines, masks=_masks(outer, place))
    return Listing(classes, samples, annotate)


def _lines(place: Place, name: str) -> _Lines:
    """`1 words` in each line, with blanks or a tab between; a number twice is a problem of it."""
    found = _Lines({}, {})
    for at, line in numbered_lines(place, name):
        word, *rest = line.split(maxsplit=1)
        try:
            number = integer(word)
        except ValueError as error:
            found.problems[-at] = f"line {at} of {name}: {error}"
            continue
        if number in found.words or number in found.problems:
            found.problems[number] = f"line {at} of {name}: the number {number} occurs twice"
            found.words.pop(number, None)
        else:
            found.words[number] = rest[0].strip() if rest else ""
    return found


def _sample(
    number: int,
    place: Place,
    classes: Classes,
    first: Mapping[int, str],
    files: Sequence[_Lines],
) -> Sample | None:
    """A picture by its number; None for one of the training split."""
    paths, labels, training, _ = files
    path = paths.words[number]
    address = place.at(f"images/{path}")
    problem = next((lines.problems[number] for lines in files if number in lines.problems), "")
    split = training.words.get(number)
    if not problem and split not in {"0", "1"}:
        problem = f"train_test_split.txt has {shown(split)} for picture {number}, not 0 or 1"
    if problem:
        return bad(path, f"{path}: {problem}", address)
    if split == "1":
        return None
    label = labels.words.get(number)
    try:
        kind = NO_LABEL if label is None else first.get(integer(label), f"class {label}")
    except ValueError as error:
        return bad(path, f"{path}: image_class_labels.txt, picture {number}: {error}", address)
    return Sample(path, address, classes.label(kind))


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


def _annotate(
    sample: Sample, *, boxes: Mapping[str, str | None], masks: Mapping[str, str]
) -> Annotation:
    line = boxes[sample.name]
    if line is None:
        raise DataSetError(f"{sample.name}: bounding_boxes.txt has no line for it")
    x, y, width, height = numbers(line.split(), 4)
    address = masks.get(sample.name.rsplit(".", 1)[0])
    mask = None
    if address is not None:
        mask = (read_mask(address) >= _MAJORITY).astype(np.int8)
    return Annotation([x, y, x + width, y + height], mask)


READER = reader("cub", read, _LAYOUT, "Wah et al., Caltech-UCSD Birds-200-2011, CNS-TR-2011-001")
