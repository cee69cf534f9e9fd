"""Annotation files of Pascal VOC's XML, which ImageNet uses too."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from ..addresses import Place
from .common import reading


@dataclass(frozen=True)
class Annotation:
    """The picture's size as stated (0 where it is not), and a class name and box per object.

    Boxes are xmin, ymin, xmax, ymax as written.
    """

    size: tuple[int, int]
    objects: tuple[tuple[str, tuple[float, float, float, float]], ...]


def read_annotation(place: Place, name: str) -> Annotation:
    """One XML file. Raises DataSetError where it is missing or broken."""
    with reading(place.at(name)):
        root = ElementTree.fromstring(place.read(name))
        width, height = (int(root.findtext(f"size/{side}") or 0) for side in ("width", "height"))
        objects = tuple((_text(thing, "name"), _box(thing)) for thing in root.iter("object"))
        return Annotation((width, height), objects)


def _box(thing: ElementTree.Element) -> tuple[float, float, float, float]:
    left, top, right, bottom = (
        float(_text(thing, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return left, top, right, bottom


def _text(thing: ElementTree.Element, path: str) -> str:
    found = thing.findtext(path)
    if found is None:
        raise ValueError(f"an object has no {path}")
    return found.strip()
