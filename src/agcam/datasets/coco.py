"""COCO instances: one sample for each picture and class that has an object of its own in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, picture_size, reading
from .checked import from_json, json_integer, json_list, json_numbers, json_text, repeated, shown
from .classes import Classes
from .coco_files import find_file
from .named_pictures import addresses
from .outlines import filled
from .reader import Listing, bad, reader

_LAYOUT = (
    "annotations/instances_NAME.json and its pictures in NAME/, images/NAME/ or images/; or one "
    ".json beside the pictures or beside their folder images/ or data/ (of several, name the file "
    "itself as the root; else the one whose name or folder begins with val)"
)
MOST_JSON: Final = 2 * 2**30  # bytes: LVIS has 1.1 GB

_Id = int | str


class _Picture(NamedTuple):
    """A file's name and its size as stated, 0 where it is not; or what is wrong with it."""

    file: str
    size: tuple[int, int] = (0, 0)
    problem: str = ""


class _Object(NamedTuple):
    """One annotation: x, y, width, height; what is drawn of it; whether it is a crowd."""

    box: Sequence[float]
    outline: Any
    crowd: bool
    problem: str = ""


class _Drawn(NamedTuple):
    """The picture of a sample, and its objects in it."""

    picture: _Picture
    objects: list[_Object]


def read(root: str) -> Listing:
    """Samples `000123.jpg#dog` in the order of file names; classes in the order of their ids.

    Boxes are those of all objects of the class, x, y, width, height with right = x + width; the
    mask is the union of the objects, -1 in crowds outside of them; a class that is there as a crowd
    only is not a sample. Where all are crowds, as CVAT writes masks, they are objects. Masks of
    polygons need pycocotools (`agcam[datasets]`).
    """
    place, name = find_file(root)
    with reading(place.at(name)):
        content = from_json(place.text(name, MOST_JSON))
        if not isinstance(content, dict):
            raise DataSetError(
                f"{place.at(name)} does not hold an object with images and annotations"
            )
        pictures, problems = _pictures(content, name)
        objects, lost = _objects(content, name)
        categories = _categories(content, {category for _, category in objects})
    classes = Classes((kind,) for kind in categories.values())
    kinds = dict(zip(categories, (names[0] for names in classes.names), strict=True))
    where = addresses(place, name, [picture.file for picture in pictures.values()])
    drawn: dict[tuple[str, str], _Drawn] = {}
    for (image, category), some in objects.items():
        file = f"(no picture {shown(image)})"
        picture = pictures.get(
            image, _Picture(file, problem="its picture is missing from `images`")
        )
        kind = kinds.get(category, f"category {shown(category)}")
        if not all(one.crowd for one in some):
            drawn[picture.file, kind] = _Drawn(picture, some)
    samples = [
        Sample(f"{file}#{kind}", where.get(file, place.at(file)), classes.label(kind))
        for file, kind in sorted(drawn, key=lambda pair: (pair[0], classes.label(pair[1])))
    ]
    annotate = partial(_annotate, drawn={"#".join(pair): found for pair, found in drawn.items()})
    return Listing(classes, [*samples, *problems, *lost], annotate)


def _categories(content: dict[str, Any], used: set[_Id]) -> dict[_Id, str]:
    """Id -> name, in the order of the ids. Raises ValueError: without classes there is no set.

    A category without objects that only others state as their `supercategory` is no class: Roboflow
    puts one before all, which may have the name of another.
    """
    listed = json_list(content.get("categories"), "categories")
    pairs: list[tuple[_Id, str]] = [
        (json_integer(kind["id"]), json_text(kind["name"])) for kind in listed
    ]
    twice = repeated(number for number, _ in pairs)
    if twice:
        raise ValueError(f"several categories have the id {min(twice)}")
    over = {kind["id"]: kind.get("supercategory") for kind in listed}
    return {
        number: name
        for number, name in sorted(pairs)
        if number in used or over[number] == name or name not in over.values()
    }


def _pictures(content: dict[str, Any], name: str) -> tuple[dict[_Id, _Picture], list[Sample]]:
    """Id -> picture; and a bad sample for each entry that is none."""
    found: dict[_Id, _Picture] = {}
    problems: list[Sample] = []
    for at, entry in enumerate(json_list(content.get("images"), "images")):
        where = f"images[{at}] of {name}"
        try:
            number = _id(entry, "id")
            file = json_text(entry.get("file_name"))
            size = json_integer(entry.get("width", 0)), json_integer(entry.get("height", 0))
        except (ValueError, AttributeError) as error:
            problems.append(bad(where, f"{where}: {error}"))
            continue
        if number in found:
            known = f"{where}: its id {shown(number)} is that of {found[number].file} too"
            problems.append(bad(where, known))
            found[number] = found[number]._replace(problem=known)
        else:
            found[number] = _Picture(file, size)
    twice = repeated(picture.file for picture in found.values())
    for number, picture in found.items():
        if picture.file in twice:
            why = f"{picture.file} has several ids in the images of {name}"
            found[number] = picture._replace(problem=why)
    return found, problems


def _id(entry: Any, key: str) -> _Id:
    """A whole number or a text; true, 1.5 and others would be taken for another id."""
    value = entry.get(key)
    return value if isinstance(value, str) else json_integer(value)


def _objects(
    content: dict[str, Any], name: str
) -> tuple[dict[tuple[_Id, _Id], list[_Object]], list[Sample]]:
    """Ids of picture and category -> its objects; and a bad sample for each that has none.

    A file of crowds alone has nothing to judge: it is by a tool that writes every mask so.
    """
    found: dict[tuple[_Id, _Id], list[_Object]] = {}
    lost: list[Sample] = []
    for at, entry in enumerate(json_list(content.get("annotations"), "annotations")):
        where = f"annotations[{at}] of {name}"
        try:
            key = _id(entry, "image_id"), _id(entry, "category_id")
        except (ValueError, AttributeError) as error:
            lost.append(bad(where, f"{where}: {error}"))
            continue
        found.setdefault(key, []).append(_object(entry, where))
    if all(one.crowd or one.problem for some in found.values() for one in some):
        found = {key: [one._replace(crowd=False) for one in some] for key, some in found.items()}
    return found, lost


def _object(entry: dict[str, Any], where: str) -> _Object:
    outline = entry.get("segmentation")
    try:
        crowd = _is_crowd(entry.get("iscrowd", 0))
        outline = None if outline == [[]] else outline  # so some tools write that there is none
        return _Object(json_numbers(entry.get("bbox"), 4), outline, crowd)
    except ValueError as error:
        return _Object((), None, False, f"{where}: {error}")


def _is_crowd(value: Any) -> bool:
    if isinstance(value, str) or value not in (0, 1):
        raise ValueError(f"iscrowd is {shown(value)}, not 0 or 1")
    return bool(value)


def _annotate(sample: Sample, *, drawn: Mapping[str, _Drawn]) -> Annotation:
    picture, objects = drawn[sample.name]
    for problem in (picture.problem, *(one.problem for one in objects)):
        if problem:
            raise DataSetError(f"{sample.name}: {problem}")
    boxes = np.array([one.box for one in objects if not one.crowd]).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return Annotation(boxes, _mask(objects, picture_size(sample.address)), picture.size)


def _mask(objects: list[_Object], size: tuple[int, int]) -> NDArray[np.int8] | None:
    """1 on objects, -1 on crowds, 0 elsewhere; None where an object has no outline."""
    if not all(one.outline for one in objects):
        return None
    mask = np.zeros((size[1], size[0]), dtype=np.int8)
    for one in sorted(objects, key=lambda one: not one.crowd):
        mask[filled(one.outline, size)] = -1 if one.crowd else 1
    return mask


READER = reader("coco", read, _LAYOUT, "Lin et al., Microsoft COCO, ECCV 2014, arXiv 1405.0312")
