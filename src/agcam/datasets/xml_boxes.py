"""Annotation files of Pascal VOC's XML, which ImageNet uses too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from ..addresses import Place
from .annotation import reading
from .checked import integer, number, shown

MOST_XML: Final = 16 * 2**20  # bytes
_SIZE: Final = ("width", "height")


@dataclass(frozen=True)
class XmlAnnotation:
    """The picture's size as stated (0 where it is not), and a class name and box per object.

    Boxes are xmin, ymin, xmax, ymax as the file has them.
    """

    size: tuple[int, int]
    objects: tuple[tuple[str, tuple[float, float, float, float]], ...]


def read_annotation(place: Place, name: str) -> XmlAnnotation:
    """One XML file. Raises DataSetError where it is missing or broken."""
    with reading(place.at(name)):
        content = place.read(name, MOST_XML)
        if b"<!ENTITY" in content:
            raise ValueError("it declares entities, which no annotation needs")
        root = ElementTree.fromstring(content)
        if root.tag != "annotation":
            raise ValueError(f"its root is {shown(root.tag)}, not 'annotation'")
        width, height = (integer(root.findtext(f"size/{side}") or "0") for side in _SIZE)
        objects = tuple((_text(element, "name"), _box(element)) for element in root.iter("object"))
        return XmlAnnotation((width, height), objects)


def _box(element: ElementTree.Element) -> tuple[float, float, float, float]:
    left, top, right, bottom = (
        number(_text(element, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    return left, top, right, bottom


def _text(element: ElementTree.Element, path: str) -> str:
    found = element.findall(path)
    if len(found) != 1:
        raise ValueError(f"an object has {len(found) or 'no'} {path}")
    return (found[0].text or "").strip()
