"""Tiny ImageNet's validation pictures (64 x 64, 200 of ImageNet's classes), one box each."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import partial

from ..addresses import Place
from ..values import DataSet, Sample, Truth
from .common import Classes, reader, reading, require_known, split_names, truth_of, wrong_layout

_LAYOUT = (
    "val/images/*.JPEG, val/val_annotations.txt, wnids.txt and words.txt; or images/*.JPEG, "
    "boxes.csv (file,synset,x0,y0,x1,y1) and classes.csv (synset,names)"
)
_COLUMNS = ("file", "synset", "x0", "y0", "x1", "y1")

_Rows = list[tuple[str, str, list[str]]]


def read(root: str) -> DataSet:
    """Samples by file name; classes in the order of their synsets, in both layouts the same.

    Boxes count pixels from 0 and include the last one: a whole picture is 0 0 63 63.
    """
    place = Place(root)
    official = place.has("val/val_annotations.txt")
    rows, named = _official(place) if official else _csv(place)
    folder = "val/images" if official else "images"
    classes = Classes((synset, *split_names(words)) for synset, words in sorted(named.items()))
    samples = tuple(
        Sample(file, place.at(f"{folder}/{file}"), classes.label(synset))
        for file, synset, _ in sorted(rows)
    )
    sides = {file: box for file, _, box in rows}
    truth = partial(_truth, sides=sides, names=tuple(classes.names), known=classes.known)
    return DataSet("tiny_imagenet", tuple(classes.names), samples, truth)


def _official(place: Place) -> tuple[_Rows, dict[str, str]]:
    for name in ("wnids.txt", "words.txt"):
        if not place.has(name):
            raise wrong_layout(place, _LAYOUT, name)
    with reading(place.at("words.txt")):
        pairs = [line.split("\t", 1) for line in place.text("words.txt").splitlines() if line]
        words = {line[0]: line[-1] for line in pairs}
        synsets = place.text("wnids.txt").split()
    with reading(place.at("val/val_annotations.txt")):
        lines = [line.split() for line in place.text("val/val_annotations.txt").splitlines()]
        rows = [(line[0], [*line, "(no label)"][1], line[2:]) for line in lines if line]
    return rows, {synset: words.get(synset, "") for synset in synsets}


def _csv(place: Place) -> tuple[_Rows, dict[str, str]]:
    for name in ("boxes.csv", "classes.csv"):
        if not place.has(name):
            raise wrong_layout(place, _LAYOUT, f"val/val_annotations.txt or {name}")
    with reading(place.at("classes.csv")):
        named = {r["synset"]: r["names"] for r in _table(place, "classes.csv", ("synset", "names"))}
    with reading(place.at("boxes.csv")):
        table = _table(place, "boxes.csv", _COLUMNS)
        rows = [
            (row["file"], row["synset"], [row[side] or "" for side in _COLUMNS[2:]])
            for row in table
        ]
    return rows, named


def _table(place: Place, name: str, columns: tuple[str, ...]) -> list[dict[str, str]]:
    table = csv.DictReader(place.text(name).splitlines())
    if tuple(table.fieldnames or ()) != columns:
        raise wrong_layout(place, _LAYOUT, f"the first line {','.join(columns)} of {name}")
    return list(table)


def _truth(
    sample: Sample,
    *,
    sides: Mapping[str, list[str]],
    names: tuple[tuple[str, ...], ...],
    known: int,
) -> Truth:
    require_known(sample, known, names)
    with reading(f"the box of {sample.name}"):
        left, top, right, bottom = (float(side) for side in sides[sample.name])
    return truth_of(sample, [[left, top, right + 1, bottom + 1]])


READER = reader("tiny_imagenet", read, _LAYOUT, "Le and Yang, Tiny ImageNet, Stanford CS231N 2015")
