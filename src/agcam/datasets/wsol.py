"""Metadata of wsolevaluation (Choe et al.): ImageNet, CUB and OpenImages, boxes or masks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import INCLUSIVE, Annotation, numbered_lines, read_mask, reading
from .checked import MOST_CLASSES, integer, numbers, shown
from .classes import NO_LABEL, Classes, split_names
from .reader import Listing, bad, folder_with, missing, reader, require
from .synsets import imagenet_classes

_LAYOUT = (
    "image_ids.txt, class_labels.txt, localization.txt (and image_sizes.txt with boxes), as in "
    "metadata/ILSVRC/val; the pictures in the same folder, in its images/, or in dataset/NAME "
    "beside metadata/NAME/SPLIT; classes.txt (one line per class, names between commas, synset "
    "first) if names are wanted"
)
_FILES = ("image_ids.txt", "class_labels.txt", "localization.txt")
_MASK = 2  # words of a mask behind its path: mask, ignore; a box has four sides


class _Rows(NamedTuple):
    """The words of each picture's lines in a file, and what is wrong with those of others."""

    words: dict[str, list[list[str]]]
    problems: dict[str, str]


def read(root: str) -> Listing:
    """Samples in the order of image_ids.txt; labels as numbered in class_labels.txt.

    Boxes count pixels from 0 and include the last one, as wsolevaluation measures them. A mask is 1
    in any object's file, -1 in the ignore file outside of them. In a folder called ILSVRC the
    classes are ImageNet's 1,000; else classes.txt names them, or they are called by their numbers.
    """
    place = Place(root)
    require(place, *_FILES)
    ids, labels, drawn = (
        _rows(place, name, columns)
        for name, columns in zip(_FILES, ((1,), (2,), (3, 5)), strict=True)
    )
    sizes = _rows(place, "image_sizes.txt", (3,)) if place.has("image_sizes.txt") else _Rows({}, {})
    pictures = _pictures(place, list(ids.words))
    stated = [_label(word) for words in labels.words.values() for word in words[0][-1:]]
    classes = Classes(_names(place, max((n for n in stated if n is not None), default=-1) + 1))
    samples = [
        _sample(name, pictures.at(name), classes, labels, (ids, labels, drawn, sizes))
        for name in (*ids.words, *ids.problems)
    ]
    annotate = partial(_annotate, pictures=pictures, drawn=drawn, sizes=sizes)
    return Listing(classes, samples, annotate)


def _rows(place: Place, name: str, columns: tuple[int, ...]) -> _Rows:
    """Lines of so many columns; several of one picture are several boxes or masks."""
    found = _Rows({}, {})
    for at, line in numbered_lines(place, name):
        path, *words = line.strip().split(",")
        found.words.setdefault(path, []).append(words)
        if 1 + len(words) not in columns:
            wanted = " or ".join(map(str, columns))
            found.problems[path] = f"line {at} of {name} does not have {wanted} columns"
    return found


def _sample(
    name: str, address: str, classes: Classes, labels: _Rows, files: Sequence[_Rows]
) -> Sample:
    stated = labels.words.get(name, [])
    problems = [rows.problems[name] for rows in files if name in rows.problems]
    if len(stated) > 1:
        problems.append("class_labels.txt has several lines of it")
    if problems:
        return bad(name, f"{name}: {problems[0]}", address)
    if not stated:
        return Sample(name, address, classes.label(NO_LABEL))
    label = _label(stated[0][-1])
    if label is None:
        return bad(name, f"{name}: its class {shown(stated[0][-1])} is not a class number", address)
    return Sample(name, address, classes.label(classes.first_name(label)))


def _label(text: str) -> int | None:
    try:
        label = integer(text)
    except ValueError:
        return None
    return label if 0 <= label < MOST_CLASSES else None


def _pictures(place: Place, ids: list[str]) -> Place:
    """The folder of the pictures, which may be dataset/NAME for metadata/NAME/SPLIT."""
    parts = place.root.replace("\\", "/").rstrip("/").split("/")
    tried = [place, place.folder("images")]
    if len(parts) > 3 and "::" not in place.root:
        tried.append(Place("/".join([*parts[:-3], "dataset", parts[-2]])))
    found = folder_with(tried, ids)
    if found is None:
        where = ", ".join(folder.root for folder in tried)
        raise missing(place, f"a picture of image_ids.txt ({ids[:1]}) in {where}")
    return found


def _names(place: Place, count: int) -> Sequence[tuple[str, ...]]:
    if place.has("classes.txt"):
        with reading(place.at("classes.txt")):
            lines = place.lines("classes.txt")
        lines = lines[: -1 if lines[-1] == "" else None]  # what follows the last line's end
        return [split_names(line) or (f"class {i}",) for i, line in enumerate(lines)]
    if "ILSVRC" in place.root.replace("\\", "/").split("/"):
        return imagenet_classes()
    return [(f"class {number}",) for number in range(count)]


def _annotate(sample: Sample, *, pictures: Place, drawn: _Rows, sizes: _Rows) -> Annotation:
    lines = drawn.words.get(sample.name)
    if not lines:
        raise DataSetError(f"{sample.name}: localization.txt has no line for it")
    stated = sizes.words.get(sample.name, [])
    if len(stated) > 1:
        raise ValueError("image_sizes.txt has several lines of it")
    size = (integer(stated[0][0]), integer(stated[0][1])) if stated else None
    if len(lines[0]) == _MASK:
        return Annotation(mask=_mask(pictures, lines), size=size)
    return Annotation(np.array([numbers(line, 4) for line in lines]) + INCLUSIVE, size=size)


def _mask(pictures: Place, lines: list[list[str]]) -> NDArray[np.int8]:
    inside = np.logical_or.reduce([read_mask(pictures.at(mask)) > 0 for mask, _ in lines])
    ignored = np.zeros_like(inside)
    for _, ignore in lines:
        if ignore:
            ignored |= read_mask(pictures.at(ignore)) > 0
    return np.where(inside, 1, np.where(ignored, -1, 0)).astype(np.int8)


READER = reader(
    "wsol", read, _LAYOUT, "Choe et al., Evaluating WSOL Methods Right, CVPR 2020, arXiv 2001.07437"
)
