"""Metadata of wsolevaluation (Choe et al.): ImageNet, CUB and OpenImages, boxes or masks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .common import (
    INCLUSIVE,
    NO_BOXES,
    Classes,
    read_mask,
    reader,
    reading,
    require_known,
    split_names,
    truth_of,
    wrong_layout,
)
from .synsets import imagenet_classes

_LAYOUT = (
    "image_ids.txt, class_labels.txt, localization.txt (and image_sizes.txt with boxes), as in "
    "metadata/ILSVRC/val; the pictures in the same folder, in its images/, or in dataset/NAME "
    "beside metadata/NAME/SPLIT; classes.txt (one line a class, names between commas, synset "
    "first) if names are wanted"
)
_MASK_LINE = 3  # path, mask, ignore; a box has path and four sides

_Lines = Mapping[str, list[list[str]]]


def read(root: str) -> DataSet:
    """Samples in the order of image_ids.txt; labels as numbered in class_labels.txt.

    Boxes count pixels from 0 and include the last one, as wsolevaluation measures them. A mask is 1
    in any object's file, -1 in the ignore file outside of them. In a folder called ILSVRC the
    classes are ImageNet's 1,000; else classes.txt names them, or they are called by their numbers.
    """
    place = Place(root)
    for name in ("image_ids.txt", "class_labels.txt", "localization.txt"):
        if not place.has(name):
            raise wrong_layout(place, _LAYOUT, name)
    ids = [row[0] for row in _rows(place, "image_ids.txt")]
    labels = {row[0]: row[-1] for row in _rows(place, "class_labels.txt")}
    pictures = _pictures(place, ids)
    numbers = sorted({int(label) for label in labels.values() if label.isdecimal()})
    names = _names(place, max(numbers, default=-1) + 1)
    classes = Classes(names)
    samples = tuple(
        Sample(name, pictures.at(name), classes.label(_first(labels.get(name), names)))
        for name in dict.fromkeys(ids)
    )
    drawn: dict[str, list[list[str]]] = {}
    for row in _rows(place, "localization.txt"):
        drawn.setdefault(row[0], []).append(row[1:])
    sizes = {}
    if place.has("image_sizes.txt"):
        sizes = {row[0]: row[1:] for row in _rows(place, "image_sizes.txt")}
    truth = partial(
        _truth,
        pictures=pictures,
        drawn=drawn,
        sizes=sizes,
        names=tuple(classes.names),
        known=classes.known,
    )
    return DataSet("wsol", tuple(classes.names), samples, truth)


def _rows(place: Place, name: str) -> list[list[str]]:
    with reading(place.at(name)):
        return [line.strip().split(",") for line in place.text(name).splitlines() if line.strip()]


def _pictures(place: Place, ids: list[str]) -> Place:
    """The folder of the pictures: the first of the usual ones that holds one of the first ten."""
    parts = place.root.replace("\\", "/").rstrip("/").split("/")
    tried = [place, place.folder("images")]
    if len(parts) > _MASK_LINE and "::" not in place.root:  # .../metadata/NAME/SPLIT
        tried.append(Place("/".join([*parts[:-3], "dataset", parts[-2]])))
    for folder in tried:
        if any(folder.has(name) for name in ids[:10]):
            return folder
    where = ", ".join(folder.root for folder in tried)
    raise wrong_layout(place, _LAYOUT, f"a picture of image_ids.txt ({ids[:1]}) in {where}")


def _names(place: Place, count: int) -> list[tuple[str, ...]]:
    if place.has("classes.txt"):
        with reading(place.at("classes.txt")):
            lines = place.text("classes.txt").splitlines()
        return [split_names(line) or (f"class {i}",) for i, line in enumerate(lines)]
    if "ILSVRC" in place.root.replace("\\", "/").split("/"):
        return list(imagenet_classes())
    return [(f"class {number}",) for number in range(count)]


def _first(label: str | None, names: list[tuple[str, ...]]) -> str:
    if label is None:
        return "(no label)"
    known = label.isdecimal() and int(label) < len(names)
    return names[int(label)][0] if known else f"class {label}"


def _truth(
    sample: Sample,
    *,
    pictures: Place,
    drawn: _Lines,
    sizes: Mapping[str, list[str]],
    names: tuple[tuple[str, ...], ...],
    known: int,
) -> Truth:
    require_known(sample, known, names)
    lines = drawn.get(sample.name)
    if not lines:
        raise DataSetError(f"{sample.name}: localization.txt has no line for it")
    with reading(f"the annotation of {sample.name}"):
        stated = sizes.get(sample.name)
        size = (int(stated[0]), int(stated[1])) if stated else None
        if len(lines[0]) == _MASK_LINE - 1:
            return truth_of(sample, NO_BOXES, stated=size, mask=_mask(pictures, lines))
        boxes = np.array([[float(side) for side in line] for line in lines]) + INCLUSIVE
    return truth_of(sample, boxes, stated=size)


def _mask(pictures: Place, lines: list[list[str]]) -> NDArray[np.int8]:
    masks = [read_mask(pictures.at(mask)) > 0 for mask, _ in lines]
    inside = np.logical_or.reduce(masks)
    left_out = np.zeros_like(inside)
    for _, ignore in lines:
        if ignore:
            left_out |= read_mask(pictures.at(ignore)) > 0
    return np.where(inside, 1, np.where(left_out, -1, 0)).astype(np.int8)


READER = reader(
    "wsol", read, _LAYOUT, "Choe et al., Evaluating WSOL Methods Right, CVPR 2020, arXiv 2001.07437"
)
