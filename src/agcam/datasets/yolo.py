"""YOLO text files: one line an object, class number and sides as shares of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, numbered_lines, picture_size
from .checked import number, shown
from .classes import NO_LABEL, Classes
from .outlines import filled, flat
from .reader import Listing, bad, reader, unread
from .yolo_folders import Found, Text, find_texts
from .yolo_names import NUMBERS_OF_POLYGONS, class_names, numbered
from .yolo_yaml import data_file

_LAYOUT = (
    "pictures, and for each a .txt of the same name (class, centre x, centre y, width, height, or "
    "class and the corners of a polygon; shares of the picture) in labels/ or boxes/ in the place "
    "of images/, or else beside it; polygons/ beside boxes/ if masks are wanted (their numbers are "
    "those of `classes:` in semantic_classes.yaml where that is there); and a .yaml with `names:`, "
    "classes.txt, obj.names or notes.json there or in the folder above. The root may be the data "
    "set, a part of it, a folder of pictures, or the .yaml"
)
_BOX = 5  # numbers in the line of a box
_CORNERS = 7  # and in that of the smallest polygon
MOST_TEXT: Final = 16 * 2**20  # bytes of one picture's lines

_Lines = dict[int, list[list[float]]]


def read(root: str) -> Listing:
    """Samples `000123.jpg#dog` in the order of file names; classes by their numbers.

    A picture without a text file, or with an empty one, is not a sample. One whose
    text cannot be read is one sample, which fails. The mask is the union of the class's polygons,
    and there only if there are as many polygons as boxes; an object in several parts is one polygon
    in these files, so a mask may hold what lies between the parts. Masks need pycocotools.
    """
    given = data_file(root)
    root = given.root if given else root
    found = find_texts(root, given.parts if given else ())
    classes = Classes((name,) for name in (given.names if given else class_names(root, found)))
    samples = [sample for file in found.texts for sample in _samples(file, found, classes)]
    texts = {found.place.at(file): text for file, text in found.texts.items()}
    numbers = _outline_numbers(found, classes)
    annotate = partial(_annotate, place=found.place, texts=texts, outline_numbers=numbers)
    inside = found.prefix.rstrip("/")
    return Listing(classes, samples + unread(found.place, inside, found.skipped), annotate)


def _outline_numbers(found: Found, classes: Classes) -> dict[int, int]:
    """Label -> its number in polygons/; -1, which none has, where it has no number there."""
    if not found.place.has(NUMBERS_OF_POLYGONS):
        return {label: label for label in range(classes.known)}
    by_number = numbered(found.place, NUMBERS_OF_POLYGONS, "classes")
    by_name = {name: number for number, name in by_number.items()}
    return {label: by_name.get(classes.names[label][0], -1) for label in range(classes.known)}


def _samples(file: str, found: Found, classes: Classes) -> list[Sample]:
    """One for each class in a text file, in the order of their numbers; one bad for a bad file."""
    name, address = file.removeprefix(found.prefix), found.place.at(file)
    text = found.texts[file]
    try:
        lines = _lines(found.place.folder(text.folder), text.name)
    except DataSetError as error:
        return [bad(f"{name}#{NO_LABEL}", error, address)]
    kinds = [classes.first_name(number) for number in sorted(lines)]
    return [Sample(f"{name}#{kind}", address, classes.label(kind)) for kind in kinds]


def _lines(place: Place, name: str) -> _Lines:
    """Class number -> the numbers of each of its lines."""
    found: _Lines = {}
    for at, line in numbered_lines(place, name, MOST_TEXT):
        try:
            label, sides = _line(line.split())
        except ValueError as error:
            raise DataSetError(f"line {at} of {place.at(name)}: {error}") from error
        found.setdefault(label, []).append(sides)
    return found


def _line(words: list[str]) -> tuple[int, list[float]]:
    """A class number, and four sides or the corners of a polygon."""
    if len(words) == _BOX + 1:
        raise ValueError(
            f"{shown(' '.join(words))} has six numbers: a box with a confidence is what a model "
            "found, not a label"
        )
    if len(words) != _BOX and (len(words) < _CORNERS or len(words) % 2 == 0):
        raise ValueError(f"{shown(' '.join(words))} is neither a box nor a polygon")
    label, *sides = map(number, words)
    if label < 0 or label % 1:
        raise ValueError(f"{shown(words[0])} is not a class number")
    return int(label), sides  # arrays that are saved as text write classes as `0.0`


def _annotate(
    sample: Sample,
    *,
    place: Place,
    texts: Mapping[str, Text],
    outline_numbers: Mapping[int, int],
) -> Annotation:
    text = texts[sample.address]
    size = picture_size(sample.address)
    own = _lines(place.folder(text.folder), text.name).get(sample.label, [])
    outlines = own
    if text.outlines:
        lines = _lines(place.folder(text.outlines), text.name)
        outlines = lines.get(outline_numbers[sample.label], [])
    mask = _mask(outlines, size) if len(outlines) == len(own) else None
    return Annotation([_corners(sides, size) for sides in own], mask)


def _corners(sides: list[float], size: tuple[int, int]) -> list[float]:
    if len(sides) == _BOX - 1:
        x, y, width, height = sides
        shares = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    else:
        shares = [min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2])]
    return [share * length for share, length in zip(shares, (*size, *size), strict=True)]


def _mask(polygons: list[list[float]], size: tuple[int, int]) -> NDArray[np.int8] | None:
    if not polygons or any(len(corners) == _BOX - 1 for corners in polygons):
        return None
    return filled(flat(polygons, size), size).astype(np.int8)


READER = reader("yolo", read, _LAYOUT, "Ultralytics' text layout, as in COCO128")
