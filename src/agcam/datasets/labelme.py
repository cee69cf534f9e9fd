"""labelme's files: one .json a picture, with the shapes that a person drew on it."""

from __future__ import annotations

import base64
import io
import posixpath
from collections.abc import Sequence
from functools import partial
from itertools import count
from math import hypot
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import reading
from .checked import (
    from_json,
    json_integer,
    json_list,
    json_number,
    json_numbers,
    json_text,
    shown,
)
from .drawn import Drawn, DrawnOn, listing
from .reader import LayoutError, Listing, above, bad, missing, reader, unread

_LAYOUT = (
    "labelme's .json files, one for each picture, with `shapes` and `imagePath`: in labelme/, in "
    "the root or below it"
)
_FOLDER: Final = "labelme"
MOST_JSON: Final = 2**28  # bytes of one file, which may hold its picture


def read(root: str) -> Listing:
    """Samples `images/1.jpg#cat`: one for each picture and label; classes by name.

    Polygons, rectangles, circles and masks are objects; shapes of one label and one group are one
    object. What has no area (a line, a point) fails its sample. The picture is where `imagePath`
    leads from its .json, else beside it.
    """
    above = Place(root)
    place = above.folder(_FOLDER) if above.has(_FOLDER) else above
    files, skipped = place.walk("", (".json",))
    pictures: list[DrawnOn] = []
    problems: list[Sample] = []
    for file in files:
        try:
            with reading(place.at(file)):
                pictures.append(_picture(place, file))
        except DataSetError as error:
            problems.append(bad(file, error, place.at(file)))
    if not pictures:
        if problems:
            raise LayoutError(str(problems[0].problem))
        raise missing(above, "a .json of labelme's")
    return listing(pictures, [*problems, *unread(place, "", skipped)], shares=False)


def _picture(place: Place, file: str) -> DrawnOn:
    content = from_json(place.text(file, MOST_JSON))
    if not isinstance(content, dict) or "shapes" not in content:
        raise DataSetError(f"{place.at(file)} is not a file of labelme's: it has no `shapes`")
    height, width = (json_integer(content.get(key) or 0) for key in ("imageHeight", "imageWidth"))
    shapes = json_list(content["shapes"], "shapes")
    name, address = _address(place, file, json_text(content.get("imagePath")))
    return DrawnOn(name, address, _objects(shapes), (width, height))


def _address(place: Place, file: str, path: str) -> tuple[str, str]:
    """A picture's name for samples, and its address."""
    path = path.replace("\\", "/")
    folder = posixpath.dirname(file)
    base, joined = above(place, posixpath.normpath(posixpath.join(folder, path)))
    if base.has(joined):
        return joined.lstrip("/"), base.at(joined)
    beside = posixpath.join(folder, posixpath.basename(path))
    return beside, place.at(beside if place.has(beside) else joined)


def _objects(shapes: Sequence[Any]) -> dict[str, list[Drawn]]:
    """Label -> objects; shapes of one group are parts of one."""
    parts: dict[tuple[str, Any], list[Drawn]] = {}
    single = count()
    for shape in shapes:
        label, group = json_text(shape.get("label")), shape.get("group_id")
        key = ("shape", next(single)) if group is None else ("group", repr(group))
        parts.setdefault((label, key), []).append(_drawn(shape))
    found: dict[str, list[Drawn]] = {}
    for (label, _), some in parts.items():
        found.setdefault(label, []).append(some[0] if len(some) == 1 else _joined(some))
    return found


def _joined(parts: Sequence[Drawn]) -> Drawn:
    """One object of several parts: of polygons, or else their common box."""
    problem = next((one.problem for one in parts if one.problem), "")
    if problem or all(one.polygons for one in parts):
        return Drawn(tuple(p for one in parts for p in one.polygons), problem=problem)
    left, top, right, bottom = zip(*(one.sides for one in parts), strict=True)
    return Drawn(box=(min(left), min(top), max(right), max(bottom)))


def _drawn(shape: dict[str, Any]) -> Drawn:
    kind = shape.get("shape_type", "polygon")
    try:
        points = [json_numbers(point, 2) for point in json_list(shape.get("points"), "points")]
        if kind == "polygon" and len(points) > 2:
            return Drawn(([side for point in points for side in point],))
        if kind not in _SHAPES:
            return Drawn(problem=f"a shape of the type {shown(kind)} has no area")
        if len(points) != 2:
            return Drawn(problem=f"a {kind} has {len(points)} points")
        return _SHAPES[kind](points, shape)
    except ValueError as error:
        return Drawn(problem=str(error))


def _rectangle(points: list[list[float]], _: dict[str, Any]) -> Drawn:
    (x0, y0), (x1, y1) = points
    return Drawn(box=(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)))


def _circle(points: list[list[float]], _: dict[str, Any]) -> Drawn:
    (x, y), (edge_x, edge_y) = points
    radius = json_number(hypot(edge_x - x, edge_y - y))
    return Drawn(box=(x - radius, y - radius, x + radius, y + radius))


def _masked(points: list[list[float]], shape: dict[str, Any]) -> Drawn:
    """Its last row and column are those of the second point."""
    (left, top), (right, bottom) = points
    text = json_text(shape.get("mask"))
    return Drawn(box=(left, top, right + 1, bottom + 1), pixels=partial(_pixels, text))


def _pixels(text: str) -> NDArray[np.bool_]:
    with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as image:
        return np.array(image.convert("L")) > 0


_SHAPES: Final = {"rectangle": _rectangle, "circle": _circle, "mask": _masked}

READER = reader("labelme", read, _LAYOUT, "Wada, labelme, github.com/wkentaro/labelme")
