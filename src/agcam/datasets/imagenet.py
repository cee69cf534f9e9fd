"""ILSVRC 2012 validation, as Kaggle and the ImageNet server ship it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .checked import numbers, repeated
from .common import (
    INCLUSIVE,
    SYNSET,
    Classes,
    bad,
    passed_over,
    reader,
    reading,
    require_known,
    split_names,
    truth_of,
    wrong_layout,
)
from .csv_rows import csv_rows
from .synsets import imagenet_classes
from .xml_boxes import read_annotation

_LAYOUT = (
    "Data/CLS-LOC/val with .JPEG, .jpeg or .jpg pictures, flat or in synset folders, and "
    "Annotations/CLS-LOC/val/*.xml, LOC_val_solution.csv or the synset folders for their labels "
    "(in the root, or Data and Annotations in ILSVRC/ beside the LOC files); "
    "LOC_synset_mapping.txt if there"
)
_PICTURES = "Data/CLS-LOC/val"
_UNLABELLED = "(no label)"
_WORDS = 5  # of an object in the solution: synset and four sides

_Solution = Mapping[str, list[str]]


def read(root: str) -> DataSet:
    """Samples by file name; labels from the solution's CSV, the synset folder or the XML.

    Classes are numbered as in LOC_synset_mapping.txt, else as ImageNet's 1,000; both are the order
    of the synsets. Boxes count pixels from 0 and include the last one: no box of the 50,000
    pictures reaches the width or height, 14 % end one pixel before it.
    """
    place = Place(root)
    base = "ILSVRC/" if place.has(f"ILSVRC/{_PICTURES}") else ""
    pictures, passed = place.walk(base + _PICTURES, (".jpeg", ".jpg"))
    problems = passed_over(place, base + _PICTURES, passed)
    if not pictures and not problems:
        raise wrong_layout(place, _LAYOUT, f"a picture in {_PICTURES}")
    solution = _solution(place)
    notes = place.folder(f"{base}Annotations/CLS-LOC/val")
    noted = frozenset(notes.files("", (".xml",)))
    classes = _classes(place)
    samples = tuple(
        _sample(name, place.at(f"{base}{_PICTURES}/{name}"), classes, synset)
        for name in pictures
        for synset in [_synset(name, solution, notes, noted)]
    )
    names = tuple(classes.names)
    find = partial(_truth, notes=notes, noted=noted, solution=solution, known=classes.known)
    return DataSet("imagenet", names, (*samples, *problems), partial(find, names=names))


def _sample(name: str, address: str, classes: Classes, synset: str | DataSetError) -> Sample:
    if isinstance(synset, DataSetError):
        return bad(name, synset, address)
    return Sample(name, address, classes.label(synset))


def _classes(place: Place) -> Classes:
    name = "LOC_synset_mapping.txt"
    if not place.has(name):
        return Classes(imagenet_classes())
    with reading(place.at(name)):
        lines = [line.split(maxsplit=1) for line in place.lines(name) if line.strip()]
        twice = repeated(line[0] for line in lines)
        if twice:
            raise ValueError(f"several lines are of {min(twice)}")
    return Classes((line[0], *split_names(line[1] if len(line) > 1 else "")) for line in lines)


def _solution(place: Place) -> _Solution:
    """Picture -> words, five an object: `ImageId,PredictionString` with synset and box of each."""
    name = "LOC_val_solution.csv"
    if not place.has(name):
        return {}
    found: dict[str, list[str]] = {}
    with reading(place.at(name)):
        rows = list(csv_rows(place.lines(name)))[1:]
    for line, cells, problem in rows:
        picture = cells[0] if cells else f"line {line}"
        twice = "its picture has another line" if picture in found else ""
        wrong = problem or twice or ("" if len(cells) == 2 else "it has not two columns")
        # what is no object is refused by `_objects`, in words, when the picture is asked about
        found[picture] = [f"line {line} of {name}: {wrong}"] if wrong else cells[1].split()
    return found


def _objects(words: list[str]) -> list[tuple[str, list[float]]]:
    if len(words) == 1:
        raise DataSetError(words[0])
    if len(words) % _WORDS:
        raise DataSetError(f"{' '.join(words)!r} is not a synset and four sides for each object")
    starts = range(0, len(words), _WORDS)
    return [(words[i], numbers(words[i + 1 : i + _WORDS], _WORDS - 1)) for i in starts]


def _synset(
    name: str, solution: _Solution, notes: Place, noted: frozenset[str]
) -> str | DataSetError:
    """The class of a picture, or what is wrong with the line or file that says it."""
    path = PurePosixPath(name)
    if solution.get(path.stem):
        words = solution[path.stem]
        return words[0] if len(words) > 1 else DataSetError(words[0])
    if SYNSET.fullmatch(path.parent.name):
        return path.parent.name
    try:
        note = read_annotation(notes, _note(path, noted))
        return note.objects[0][0] if note.objects else _UNLABELLED
    except DataSetError as error:
        return error


def _note(path: PurePosixPath, noted: frozenset[str]) -> str:
    """The annotation of a picture: flat, or in folders as the pictures are."""
    beside = path.with_suffix(".xml").as_posix()
    return beside if beside in noted else f"{path.stem}.xml"


def _truth(
    sample: Sample,
    *,
    notes: Place,
    noted: frozenset[str],
    solution: _Solution,
    known: int,
    names: tuple[tuple[str, ...], ...],
) -> Truth:
    path = PurePosixPath(sample.name)
    if noted:
        note = read_annotation(notes, _note(path, noted))
        size, objects = note.size, [(name, list(box)) for name, box in note.objects]
    else:
        with reading(f"the line of {path.stem} in LOC_val_solution.csv"):
            size, objects = None, _objects(solution.get(path.stem, []))
    require_known(sample, known, names)
    synset = names[sample.label][0]
    boxes = np.array([box for name, box in objects if name == synset]).reshape(-1, 4)
    if objects and not len(boxes):
        raise DataSetError(f"{sample.name}: its annotation has no object of class {synset}")
    return truth_of(sample, boxes + INCLUSIVE, stated=size)


READER = reader(
    "imagenet", read, _LAYOUT, "Russakovsky et al., ImageNet, IJCV 2015, arXiv 1409.0575"
)
