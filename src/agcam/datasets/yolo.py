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
from .annotation import Annotation, numbered_lines, picture_size, reading
from .checked import MOST_CLASSES, integer, json_list, json_text, number, repeated, shown
from .classes import NO_LABEL, Classes
from .outlines import filled, flat
from .plain_yaml import plain_yaml
from .reader import PICTURES, Listing, bad, missing, reader, unread

_LAYOUT = (
    "images/ with pictures, labels/ or boxes/ with a .txt of the same name for each (class, centre "
    "x, centre y, width, height, or class and the corners of a polygon; shares of the picture), "
    "polygons/ beside boxes/ if masks are wanted (their numbers are those of `classes:` in "
    "semantic_classes.yaml where that is there), and one .yaml file with `names:`"
)
_OF_POLYGONS = ("polygon_", "semantic_")
_NUMBERS = "semantic_classes.yaml"
_POINTS = "kpt_shape"  # in the data sets of poses, whose points would be taken for a polygon's
_BOX = 5  # numbers in the line of a box
_CORNERS = 7  # and in that of the smallest polygon
MOST_TEXT: Final = 16 * 2**20  # bytes of one picture's lines
MOST_YAML: Final = 2**20

_Lines = dict[int, list[list[float]]]


def read(root: str) -> Listing:
    """Samples `000123.jpg#dog` in the order of file names; classes as numbered in the YAML file.

    A picture without a text file, or with an empty one, is not a sample. One whose
    text cannot be read is one sample, which fails. The mask is the union of the class's polygons,
    and there only if there are as many polygons as boxes; an object in several parts is one polygon
    in these files, so a mask may hold what lies between the parts. Masks need pycocotools.
    """
    place = Place(root)
    boxes = place.folder("labels" if place.has("labels") else "boxes")
    pictures, skipped = place.walk("images", PICTURES)
    if not (pictures or skipped) or not boxes.has(""):
        raise missing(place, "images/ with pictures, or labels/ or boxes/")
    classes = Classes((name,) for name in _names(place))
    texts = frozenset(boxes.files("", (".txt",)))
    samples = [
        sample
        for file in pictures
        if _text(file) in texts
        for sample in _samples(file, place.at(f"images/{file}"), boxes, classes)
    ]
    annotate = partial(
        _annotate,
        boxes=boxes,
        polygons=place.folder("polygons"),
        outlined=frozenset(place.files("polygons", (".txt",))),
        outline_numbers=_outline_numbers(place, classes),
    )
    return Listing(classes, samples + unread(place, "images", skipped), annotate)


def _text(file: str) -> str:
    return file.rsplit(".", 1)[0] + ".txt"


def _names(place: Place) -> list[str]:
    """The classes by number; those of polygons/ may be numbered otherwise, in their own file."""
    files = [n for n in place.contents() if n.endswith((".yaml", ".yml"))]
    files = [n for n in files if not n.startswith(_OF_POLYGONS)] or files
    found = {name: named for name in files if (named := _numbered(place, name, "names"))}
    if not found:
        raise missing(place, "a .yaml file with `names:`")
    first, numbered = next(iter(found.items()))
    for other, named in found.items():
        if named != numbered:
            raise DataSetError(
                f"{place.root}: {first} and {other} name the classes differently; keep one of them"
            )
    return [numbered.get(n, f"class {n}") for n in range(max(numbered) + 1)]


def _outline_numbers(place: Place, classes: Classes) -> dict[int, int]:
    """Label -> its number in polygons/; -1, which none has, where it has no number there."""
    if not place.has(_NUMBERS):
        return {label: label for label in range(classes.known)}
    by_name = {name: number for number, name in _numbered(place, _NUMBERS, "classes").items()}
    return {label: by_name.get(classes.names[label][0], -1) for label in range(classes.known)}


def _numbered(place: Place, name: str, key: str) -> dict[int, str]:
    """A numbered list of names in a YAML file; {} where the file has none under that key."""
    with reading(place.at(name)):
        table = plain_yaml(place.text(name, MOST_YAML))
        names = table.get(key) if isinstance(table, dict) else None
        if names and _POINTS in table:
            raise ValueError(f"{_POINTS}: labels with key points, which are not read")
        if isinstance(names, dict):
            pairs = [(integer(number), known) for number, known in names.items()]
        else:
            pairs = list(enumerate(json_list(names or [], key)))
        twice = repeated(number for number, _ in pairs)
        if twice:
            raise ValueError(f"{key} has the number {min(twice)} twice")
        if any(not 0 <= number < MOST_CLASSES for number, _ in pairs):
            raise ValueError(f"{key} has a number below 0 or above {MOST_CLASSES:,}")
        return {number: json_text(known) for number, known in pairs}


def _samples(file: str, address: str, boxes: Place, classes: Classes) -> list[Sample]:
    """One for each class in a text file, in the order of their numbers; one bad for a bad file."""
    try:
        kinds = [classes.first_name(number) for number in sorted(_lines(boxes, _text(file)))]
    except DataSetError as error:
        return [bad(f"{file}#{NO_LABEL}", error, address)]
    return [Sample(f"{file}#{kind}", address, classes.label(kind)) for kind in kinds]


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
    boxes: Place,
    polygons: Place,
    outlined: frozenset[str],
    outline_numbers: Mapping[int, int],
) -> Annotation:
    file = _text(sample.name.rsplit("#", 1)[0])
    size = picture_size(sample.address)
    own = _lines(boxes, file).get(sample.label, [])
    outlines = own
    if file in outlined:
        outlines = _lines(polygons, file).get(outline_numbers[sample.label], [])
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
