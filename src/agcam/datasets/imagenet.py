"""ILSVRC 2012 validation, as Kaggle and the ImageNet server ship it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath

import numpy as np

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import INCLUSIVE, Annotation, numbered_lines, reading
from .checked import numbers, repeated
from .classes import NO_LABEL, SYNSET, Classes, split_names
from .csv_rows import csv_rows
from .reader import Listing, bad, missing, reader, unread
from .synsets import imagenet_classes
from .xml_boxes import XmlAnnotation, read_annotation

_LAYOUT = (
    "Data/CLS-LOC/val with .JPEG, .jpeg or .jpg pictures, flat or in synset folders, and "
    "Annotations/CLS-LOC/val/*.xml, LOC_val_solution.csv or the synset folders for their labels "
    "(in the root, or Data and Annotations in ILSVRC/ beside the LOC files); "
    "LOC_synset_mapping.txt if there"
)
_PICTURES = "Data/CLS-LOC/val"
_NOTES = "Annotations/CLS-LOC/val"
_MAPPING = "LOC_synset_mapping.txt"
_SOLUTION = "LOC_val_solution.csv"
_WORDS = 5  # of an object in the solution: synset and four sides


_Objects = list[tuple[str, list[float]]]  # synset and box


def read(root: str) -> Listing:
    """Samples by file name; labels from the solution's CSV, the synset folder or the XML.

    Classes are numbered as in LOC_synset_mapping.txt, else as ImageNet's 1,000; both are the order
    of the synsets. Boxes count pixels from 0 and include the last one: no box of the 50,000
    pictures reaches the width or height, 14 % end one pixel before it.
    """
    place = Place(root)
    base = "ILSVRC/" if place.has(f"ILSVRC/{_PICTURES}") else ""
    pictures, skipped = place.walk(base + _PICTURES, (".jpeg", ".jpg"))
    problems = unread(place, base + _PICTURES, skipped)
    if not pictures and not problems:
        raise missing(place, f"a picture in {_PICTURES}")
    notes = place.folder(base + _NOTES)
    labels = _Labels(_solution(place), notes, frozenset(notes.files("", (".xml",))))
    classes = Classes(_listed(place) if place.has(_MAPPING) else imagenet_classes())
    folder = place.folder(base + _PICTURES)
    samples = [_sample(name, folder.at(name), classes, labels) for name in pictures]
    annotate = partial(_annotate, labels=labels, names=tuple(classes.names))
    return Listing(classes, samples + problems, annotate)


@dataclass(frozen=True)
class _Labels:
    """Where labels and boxes are: words by picture (five an object), and XML files."""

    solution: Mapping[str, list[str]]
    notes: Place
    noted: frozenset[str]

    def synset(self, name: str) -> str:
        """The class of a picture. Raises DataSetError for a bad line or file."""
        path = PurePosixPath(name)
        words = self.solution.get(path.stem)
        if words:
            return words[0] if len(words) > 1 else _objects(words)[0][0]
        if SYNSET.fullmatch(path.parent.name):
            return path.parent.name
        found = self._note(path).objects
        return found[0][0] if found else NO_LABEL

    def objects(self, name: str) -> tuple[tuple[int, int] | None, _Objects]:
        """The picture's size where it is stated, and every object in it."""
        path = PurePosixPath(name)
        if self.noted:
            note = self._note(path)
            return note.size, [(synset, list(box)) for synset, box in note.objects]
        with reading(f"the line of {path.stem} in {_SOLUTION}"):
            return None, _objects(self.solution.get(path.stem, []))

    def _note(self, path: PurePosixPath) -> XmlAnnotation:
        """Flat, or in folders as the pictures are."""
        beside = path.with_suffix(".xml").as_posix()
        name = beside if beside in self.noted else f"{path.stem}.xml"
        return read_annotation(self.notes, name)


def _sample(name: str, address: str, classes: Classes, labels: _Labels) -> Sample:
    try:
        return Sample(name, address, classes.label(labels.synset(name)))
    except DataSetError as error:
        return bad(name, error, address)


def _listed(place: Place) -> list[tuple[str, ...]]:
    """The classes of LOC_synset_mapping.txt."""
    lines = [line.split(maxsplit=1) for _, line in numbered_lines(place, _MAPPING)]
    twice = repeated(line[0] for line in lines)
    if twice:
        raise DataSetError(f"{place.at(_MAPPING)}: several lines are of {min(twice)}")
    return [(line[0], *split_names(line[1] if len(line) > 1 else "")) for line in lines]


def _solution(place: Place) -> dict[str, list[str]]:
    """Picture -> five words for each object, or one word: what is wrong with it."""
    if not place.has(_SOLUTION):
        return {}
    found: dict[str, list[str]] = {}
    with reading(place.at(_SOLUTION)):
        rows = list(csv_rows(place.lines(_SOLUTION)))[1:]
    for line, cells, problem in rows:
        picture = cells[0] if cells else f"line {line}"
        twice = "its picture has another line" if picture in found else ""
        wrong = problem or twice or ("" if len(cells) == 2 else "it does not have two columns")
        found[picture] = [f"line {line} of {_SOLUTION}: {wrong}"] if wrong else cells[1].split()
    return found


def _objects(words: list[str]) -> _Objects:
    if len(words) == 1:
        raise DataSetError(words[0])
    if len(words) % _WORDS:
        raise DataSetError(f"{' '.join(words)!r} is not a synset and four sides per object")
    starts = range(0, len(words), _WORDS)
    return [(words[i], numbers(words[i + 1 : i + _WORDS], _WORDS - 1)) for i in starts]


def _annotate(sample: Sample, *, labels: _Labels, names: Sequence[tuple[str, ...]]) -> Annotation:
    size, objects = labels.objects(sample.name)
    synset = names[sample.label][0]
    boxes = np.array([box for name, box in objects if name == synset]).reshape(-1, 4)
    if objects and not len(boxes):
        raise DataSetError(f"{sample.name}: its annotation has no object of class {synset}")
    return Annotation(boxes + INCLUSIVE, size=size)


READER = reader(
    "imagenet", read, _LAYOUT, "Russakovsky et al., ImageNet, IJCV 2015, arXiv 1409.0575"
)
