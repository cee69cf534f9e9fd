"""Annotation files of Pascal VOC's XML, which ImageNet uses too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from ..addresses import Place
from .checked import number, shown, whole
from .common import reading

MOST_XML: Final = 16 * 2**20  # bytes
_SIZE: Final = ("width", "height")


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
        content = place.read(name, MOST_XML)
        if b"<!ENTITY" in content:
            raise ValueError("it declares entities, which no annotation needs")
        root = ElementTree.fromstring(content)
        if root.tag != "annotation":
            raise ValueError(f"it is no annotation but {shown(root.tag)}")
        width, height = (whole(root.findtext(f"size/{side}") or "0") for side in _SIZE)
        objects = tuple((_text(thing, "name"), _box(thing)) for thing in root.iter("object"))
        return Annotation((width, height), objects)


def _box(thing: ElementTree.Element) -> tuple[float, float, float, float]:
    left, top, right, bottom = (
        number(_text(thing, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return left, top, right, bottom


def _text(thing: ElementTree.Element, path: str) -> str:
    found = thing.findall(path)
    if len(found) != 1:
        raise ValueError(f"an object has {len(found) or 'no'} {path}")
    return (found[0].text or "").strip()
