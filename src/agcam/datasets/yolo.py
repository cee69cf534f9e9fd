"""YOLO text files: one line an object, class number and sides as shares of the picture."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .coco import filled
from .common import (
    NO_BOXES,
    PICTURES,
    Classes,
    picture_size,
    reader,
    reading,
    require_known,
    truth_of,
    wrong_layout,
)

_LAYOUT = (
    "images/ with pictures, labels/ or boxes/ with a .txt of the same name for each (class, centre "
    "x, centre y, width, height, or class and the corners of a polygon; shares of the picture), "
    "polygons/ beside boxes/ if masks are wanted (their numbers are those of `classes:` in "
    "semantic_classes.yaml where that is there), and one .yaml file with `names:`"
)
_UNREADABLE = "(no label)"
_BOX = 5  # numbers in the line of a box

_Lines = dict[int, list[list[float]]]


def read(root: str) -> DataSet:
    """Samples `000123.jpg#dog` in the order of file names; classes as numbered in the YAML file.

    A picture without a text file, or with an empty one, shows nothing and is no sample. One whose
    text cannot be read is one sample, which fails. The mask is the union of the class's polygons,
    and there only if there are as many polygons as boxes; an object in several parts is one polygon
    in these files, so a mask may hold what lies between the parts. Masks need pycocotools.
    """
    place = Place(root)
    boxes = "labels" if place.has("labels") else "boxes"
    pictures = place.files("images", PICTURES)
    if not pictures or not place.has(boxes):
        raise wrong_layout(place, _LAYOUT, "images/ with pictures, or labels/ or boxes/")
    classes = Classes((name,) for name in _names(place))
    texts = frozenset(place.files(boxes, (".txt",)))
    samples = tuple(
        Sample(f"{file}#{kind}", place.at(f"images/{file}"), classes.label(kind))
        for file in pictures
        if _text(file) in texts
        for kind in _kinds(place, f"{boxes}/{_text(file)}", classes)
    )
    truth = partial(
        _truth,
        place=place,
        boxes=boxes,
        outlined=frozenset(place.files("polygons", (".txt",))),
        outline_numbers=_outline_numbers(place, classes),
        names=tuple(classes.names),
        known=classes.known,
    )
    return DataSet("yolo", tuple(classes.names), samples, truth)


def _text(file: str) -> str:
    return file.rsplit(".", 1)[0] + ".txt"


def _names(place: Place) -> list[str]:
    for name in [n for n in place.contents() if n.endswith((".yaml", ".yml"))]:
        numbered = _numbered(place, name, "names")
        if numbered:
            return [numbered.get(n, f"class {n}") for n in range(max(numbered) + 1)]
    raise wrong_layout(place, _LAYOUT, "a .yaml file with `names:`")


def _outline_numbers(place: Place, classes: Classes) -> dict[int, int]:
    """Label -> its number in polygons/; -1, which none has, where it has no number there."""
    if not place.has("semantic_classes.yaml"):
        return {label: label for label in range(classes.known)}
    numbered = _numbered(place, "semantic_classes.yaml", "classes")
    by_name = {name: number for number, name in numbered.items()}
    return {label: by_name.get(classes.names[label][0], -1) for label in range(classes.known)}


def _numbered(place: Place, name: str, key: str) -> dict[int, str]:
    """A numbered list of names in a YAML file; {} where the file has none under that key."""
    import yaml

    with reading(place.at(name)):
        try:
            table = yaml.safe_load(place.text(name))
        except yaml.YAMLError as error:
            raise ValueError(f"no YAML: {error}") from error
        names = table.get(key) if isinstance(table, dict) else None
        pairs = names.items() if isinstance(names, dict) else enumerate(names or [])
        return {int(number): str(known) for number, known in pairs}


def _kinds(place: Place, name: str, classes: Classes) -> list[str]:
    """Names of the classes in one text file, in the order of their numbers."""
    try:
        numbers = sorted(_lines(place, name))
    except DataSetError:
        return [_UNREADABLE]
    return [
        classes.names[number][0] if number < classes.known else f"class {number}"
        for number in numbers
    ]


def _lines(place: Place, name: str) -> _Lines:
    """Class number -> the numbers of each of its lines."""
    found: _Lines = {}
    with reading(place.at(name)):
        for line in place.text(name).splitlines():
            if line.strip():
                number, *sides = line.split()
                if len(sides) < _BOX - 1 or (len(sides) > _BOX and len(sides) % 2):
                    raise ValueError(f"{line[:40]!r} is no box and no polygon")
                found.setdefault(int(number), []).append([float(side) for side in sides])
    if any(number < 0 for number in found):
        raise DataSetError(f"{place.at(name)}: a class number is below 0")
    return found


def _truth(
    sample: Sample,
    *,
    place: Place,
    boxes: str,
    outlined: frozenset[str],
    outline_numbers: dict[int, int],
    names: tuple[tuple[str, ...], ...],
    known: int,
) -> Truth:
    file = _text(sample.name.rsplit("#", 1)[0])
    lines = _lines(place, f"{boxes}/{file}")
    require_known(sample, known, names)
    size = picture_size(sample.address)
    own = lines.get(sample.label, [])
    corners = [_corners(sides, size) for sides in own]
    polygons = own
    if file in outlined:
        polygons = _lines(place, f"polygons/{file}").get(outline_numbers[sample.label], [])
    mask = _mask(polygons, size) if len(polygons) == len(own) else None
    return truth_of(sample, corners or NO_BOXES, mask=mask)


def _corners(sides: list[float], size: tuple[int, int]) -> list[float]:
    if len(sides) == _BOX - 1:
        x, y, width, height = sides
        shares = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
    else:
        shares = [min(sides[::2]), min(sides[1::2]), max(sides[::2]), max(sides[1::2])]
    return [share * length for share, length in zip(shares, (*size, *size), strict=True)]


def _mask(polygons: list[list[float]], size: tuple[int, int]) -> NDArray[np.int8] | None:
    if not polygons or any(len(corners) < _BOX for corners in polygons):
        return None
    scale: Any = np.array(size)
    outlines = [(np.reshape(corners, (-1, 2)) * scale).ravel().tolist() for corners in polygons]
    return filled(outlines, size).astype(np.int8)


READER = reader("yolo", read, _LAYOUT, "Ultralytics' text layout, as in COCO128")
