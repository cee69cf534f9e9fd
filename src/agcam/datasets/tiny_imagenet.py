"""Tiny ImageNet's validation pictures (64 x 64, 200 of ImageNet's classes), one box each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import INCLUSIVE, Annotation, numbered_lines, reading
from .checked import numbers
from .classes import NO_LABEL, Classes, split_names
from .csv_rows import Row, csv_rows
from .reader import Listing, bad, missing, reader, require

_LAYOUT = (
    "val/images/*.JPEG, val/val_annotations.txt, wnids.txt and words.txt; or images/*.JPEG, "
    "boxes.csv (file,synset,x0,y0,x1,y1) and classes.csv (synset,names)"
)
_LINES = "val/val_annotations.txt"
_COLUMNS = ("file", "synset", "x0", "y0", "x1", "y1")


class _Row(NamedTuple):
    """A picture, its synset and the sides of its box as in the file; or what is wrong with it."""

    file: str
    synset: str
    sides: list[str]
    problem: str = ""


def read(root: str) -> Listing:
    """Samples by file name; classes in the order of their synsets, in both layouts the same.

    Boxes count pixels from 0 and include the last one: a whole picture is 0 0 63 63.
    """
    place = Place(root)
    official = place.has(_LINES)
    rows, named = _official(place) if official else _csv(place)
    folder = "val/images" if official else "images"
    classes = Classes((synset, *split_names(words)) for synset, words in sorted(named.items()))
    samples = [
        bad(row.file, row.problem)
        if row.problem
        else Sample(row.file, place.at(f"{folder}/{row.file}"), classes.label(row.synset))
        for row in sorted(rows)
    ]
    annotate = partial(_annotate, sides={row.file: row.sides for row in rows})
    return Listing(classes, samples, annotate)


def _official(place: Place) -> tuple[list[_Row], dict[str, str]]:
    require(place, "wnids.txt", "words.txt")
    pairs = [line.split("\t", 1) for _, line in numbered_lines(place, "words.txt")]
    words = {pair[0]: pair[-1] for pair in pairs}
    synsets = [word for _, line in numbered_lines(place, "wnids.txt") for word in line.split()]
    lines = [line.split() for _, line in numbered_lines(place, _LINES)]
    rows = [_Row(line[0], [*line, NO_LABEL][1], line[2:]) for line in lines]
    return rows, {synset: words.get(synset, "") for synset in synsets}


def _csv(place: Place) -> tuple[list[_Row], dict[str, str]]:
    for name in ("boxes.csv", "classes.csv"):
        if not place.has(name):
            raise missing(place, f"{_LINES} or {name}")
    named = {}
    for line, cells, problem in _table(place, "classes.csv", ("synset", "names")):
        if problem or cells[0] in named:
            why = problem or f"{cells[0]} occurs twice"
            raise DataSetError(f"line {line} of {place.at('classes.csv')}: {why}")
        named[cells[0]] = cells[1]
    rows = [
        _Row(f"line {line} of boxes.csv", "", [], f"line {line} of boxes.csv: {problem}")
        if problem
        else _Row(cells[0], cells[1], list(cells[2:]))
        for line, cells, problem in _table(place, "boxes.csv", _COLUMNS)
    ]
    return rows, named


def _table(place: Place, name: str, columns: tuple[str, ...]) -> list[Row]:
    with reading(place.at(name)):
        first, *rows = list(csv_rows(place.lines(name))) or [Row(1, ())]
    if tuple(first.cells) != columns:
        raise missing(place, f"the first line {','.join(columns)} of {name}")
    wrong = f"it does not have {len(columns)} columns"
    return [
        row if row.problem or len(row.cells) == len(columns) else row._replace(problem=wrong)
        for row in rows
    ]


def _annotate(sample: Sample, *, sides: Mapping[str, list[str]]) -> Annotation:
    return Annotation(numbers(sides[sample.name], 4) + INCLUSIVE)


READER = reader("tiny_imagenet", read, _LAYOUT, "Le and Yang, Tiny ImageNet, Stanford CS231N 2015")
