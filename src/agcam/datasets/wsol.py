"""Metadata of wsolevaluation (Choe et al.): ImageNet, CUB and OpenImages, boxes or masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .checked import MOST_CLASSES, numbers, shown, whole
from .common import (
    INCLUSIVE,
    NO_BOXES,
    Classes,
    bad,
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

_Of = Mapping[str, list[list[str]]]


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
    ids = _rows(place, "image_ids.txt", (1,))
    labels = _rows(place, "class_labels.txt", (2,))
    drawn = _rows(place, "localization.txt", (3, 5))
    sizes = _rows(place, "image_sizes.txt", (3,)) if place.has("image_sizes.txt") else _Rows({}, {})
    pictures = _pictures(place, list(ids.words))
    known = [_label(word) for words in labels.words.values() for word in words[0][-1:]]
    names = _names(place, max((n for n in known if n is not None), default=-1) + 1)
    classes = Classes(names)
    samples = tuple(
        _sample(name, pictures.at(name), classes, labels, (ids, labels, drawn, sizes))
        for name in (*ids.words, *ids.problems)
    )
    truth = partial(
        _truth,
        pictures=pictures,
        drawn=drawn.words,
        sizes=sizes.words,
        names=tuple(classes.names),
        known=classes.known,
    )
    return DataSet("wsol", tuple(classes.names), samples, truth)


class _Rows(NamedTuple):
    """What the lines of a file say of each picture, and of which they say nothing sound."""

    words: dict[str, list[list[str]]]
    problems: dict[str, str]


def _rows(place: Place, name: str, columns: tuple[int, ...]) -> _Rows:
    """Lines of so many columns; several of one picture are several boxes or masks."""
    found = _Rows({}, {})
    with reading(place.at(name)):
        lines = place.lines(name)
    for at, line in enumerate(lines, start=1):
        path, *words = line.strip().split(",")
        if line.strip():
            found.words.setdefault(path, []).append(words)
            if 1 + len(words) not in columns:
                wanted = " or ".join(map(str, columns))
                found.problems[path] = f"line {at} of {name} has not {wanted} columns"
    return found


def _sample(
    name: str, address: str, classes: Classes, labels: _Rows, files: Sequence[_Rows]
) -> Sample:
    said = labels.words.get(name, [])
    problems = [rows.problems[name] for rows in files if name in rows.problems]
    if len(said) > 1:
        problems.append("class_labels.txt has several lines of it")
    if problems:
        return bad(name, f"{name}: {problems[0]}", address)
    if not said:
        return Sample(name, address, classes.label("(no label)"))
    label = _label(said[0][-1])
    if label is None:
        return bad(name, f"{name}: its class {shown(said[0][-1])} is no number of one", address)
    known = classes.names[label][0] if label < classes.known else f"class {label}"
    return Sample(name, address, classes.label(known))


def _label(text: str) -> int | None:
    try:
        label = whole(text)
    except ValueError:
        return None
    return label if 0 <= label < MOST_CLASSES else None


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
            lines = place.lines("classes.txt")
        lines = lines[: -1 if lines[-1] == "" else None]  # what follows the last line's end
        return [split_names(line) or (f"class {i}",) for i, line in enumerate(lines)]
    if "ILSVRC" in place.root.replace("\\", "/").split("/"):
        return list(imagenet_classes())
    return [(f"class {number}",) for number in range(count)]


def _truth(
    sample: Sample,
    *,
    pictures: Place,
    drawn: _Of,
    sizes: _Of,
    names: tuple[tuple[str, ...], ...],
    known: int,
) -> Truth:
    require_known(sample, known, names)
    lines = drawn.get(sample.name)
    if not lines:
        raise DataSetError(f"{sample.name}: localization.txt has no line for it")
    with reading(f"the annotation of {sample.name}"):
        stated = sizes.get(sample.name)
        size = None
        if stated:
            if len(stated) > 1:
                raise ValueError("image_sizes.txt has several lines of it")
            size = whole(stated[0][0]), whole(stated[0][1])
        if len(lines[0]) == _MASK_LINE - 1:
            return truth_of(sample, NO_BOXES, stated=size, mask=_mask(pictures, lines))
        boxes = np.array([numbers(line, 4) for line in lines]) + INCLUSIVE
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
