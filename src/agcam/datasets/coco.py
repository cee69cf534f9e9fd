"""COCO instances: one sample for each picture and class that has an object of its own in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .common import Classes, reader, reading, require_known, truth_of, wrong_layout
from .csv_file import parent

_LAYOUT = (
    "annotations/instances_NAME.json (of several, name the file itself as the root; else the one "
    "whose name begins with val) and its pictures in NAME/, images/NAME/ or images/"
)
_PREFIX = "instances_"

_Things = Mapping[str, list[dict[str, Any]]]


def read(root: str) -> DataSet:
    """Samples `000123.jpg#dog` in the order of file names; classes in the order of their ids.

    Boxes are those of all objects of the class, x, y, width, height with right = x + width; the
    mask is the union of the objects, -1 in crowds outside of them; a class that is there as a crowd
    only is no sample. Masks need pycocotools (`agcam[datasets]`).
    """
    place, name = _file(root)
    with reading(place.at(name)):
        content = json.loads(place.text(name))
        kinds = sorted(content["categories"], key=lambda kind: int(kind["id"]))
        pictures = {picture["id"]: picture for picture in content["images"]}
        things = content["annotations"]
        classes = Classes((str(kind["name"]),) for kind in kinds)
        found = _by_sample(things, pictures, {kind["id"]: str(kind["name"]) for kind in kinds})
    folder = _pictures(place, name, pictures)
    samples = tuple(
        Sample(f"{file}#{kind}", folder.at(file), classes.label(kind))
        for file, kind in sorted(found, key=lambda pair: (pair[0], classes.label(pair[1])))
        if not all(thing.get("iscrowd") for thing in found[file, kind])
    )
    objects = {f"{file}#{kind}": of_class for (file, kind), of_class in found.items()}
    sizes = {p["file_name"]: (p.get("width", 0), p.get("height", 0)) for p in pictures.values()}
    truth = partial(
        _truth, things=objects, sizes=sizes, names=tuple(classes.names), known=classes.known
    )
    return DataSet("coco", tuple(classes.names), samples, truth)


def _file(root: str) -> tuple[Place, str]:
    """The folder that holds annotations/, and the JSON file's name in it."""
    if root.split("::")[0].lower().endswith(".json"):
        folder, name = parent(root)
        return folder, name
    place = Place(root)
    names = [n for n in place.files("annotations", (".json",)) if n.startswith(_PREFIX)]
    wanted = [n for n in names if n.startswith(f"{_PREFIX}val")] if len(names) > 1 else names
    if len(wanted) != 1:
        which = (
            f"one of {', '.join(names)} as the root" if names else "annotations/instances_*.json"
        )
        raise wrong_layout(place, _LAYOUT, which)
    return place, f"annotations/{wanted[0]}"


def _by_sample(
    things: list[dict[str, Any]],
    pictures: Mapping[Any, dict[str, Any]],
    kinds: Mapping[Any, str],
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for thing in things:
        image, category = thing.get("image_id"), thing.get("category_id")
        file = pictures.get(image, {}).get("file_name", f"(no picture {image})")
        found.setdefault((file, kinds.get(category, f"category {category}")), []).append(thing)
    return found


def _pictures(place: Place, name: str, pictures: Mapping[Any, dict[str, Any]]) -> Place:
    """The folder of the pictures: the first of the usual ones that holds one of the first ten."""
    part = name.rsplit("/", 1)[-1].removeprefix(_PREFIX).removesuffix(".json")
    up = "" if "/" in name else "../"
    if up and "://" in place.root:  # an address has no `..`
        place, up = parent(place.root.rstrip("/"))[0], ""
    some = [picture["file_name"] for picture in list(pictures.values())[:10]]
    tried = [up + folder for folder in (part, f"images/{part}", "images")] + [""]
    for folder in (place.folder(folder) for folder in tried):
        if any(folder.has(file) for file in some):
            return folder
    raise wrong_layout(place, _LAYOUT, f"a picture of {name} ({', '.join(some[:1])})")


def _truth(
    sample: Sample,
    *,
    things: _Things,
    sizes: Mapping[str, tuple[int, int]],
    names: tuple[tuple[str, ...], ...],
    known: int,
) -> Truth:
    require_known(sample, known, names)
    found = things[sample.name]
    file = sample.name.rsplit("#", 1)[0]
    if file not in sizes:
        raise DataSetError(f"{sample.name}: its annotation is of a picture that `images` lacks")
    size = sizes[file]
    own = [thing for thing in found if not thing.get("iscrowd")]
    with reading(f"the annotation of {sample.name}"):
        corners = np.array([thing["bbox"] for thing in own], dtype=np.float64).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        mask = _mask(found, size)
    return truth_of(sample, corners, stated=size, mask=mask)


def _mask(things: list[dict[str, Any]], size: tuple[int, int]) -> NDArray[np.int8] | None:
    """1 on objects, -1 on crowds, 0 elsewhere; None where an object has no outline."""
    if not all(thing.get("segmentation") for thing in things):
        return None
    mask = np.zeros((size[1], size[0]), dtype=np.int8)
    for thing in sorted(things, key=lambda thing: -int(thing.get("iscrowd", 0))):
        inside = filled(thing["segmentation"], size)
        mask[inside] = -1 if thing.get("iscrowd") else 1
    return mask


def filled(outline: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Polygons or run lengths (plain or packed) as pixels; `size` is (width, height)."""
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise DataSetError(
            "masks of polygons need pycocotools: pip install agcam[datasets]"
        ) from error
    width, height = size
    if isinstance(outline, list):
        runs = coco.merge(coco.frPyObjects(outline, height, width))
    elif isinstance(outline.get("counts"), list):
        runs = coco.frPyObjects(outline, height, width)
    else:
        runs = outline
    return np.asarray(coco.decode(runs)).astype(np.bool_)


READER = reader("coco", read, _LAYOUT, "Lin et al., Microsoft COCO, ECCV 2014, arXiv 1405.0312")
