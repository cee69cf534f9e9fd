"""PNG masks of class numbers, and Pascal VOC's layout around them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from ..datasets.label_map import voc_colour
from ..datasets.pascal_voc import CLASSES
from ..errors import SaveError
from ..maps import png_bytes
from .record import Annotated, Annotations, Record

MOST: Final = 254  # classes or objects in one PNG of 8 bits: 0 is background, 255 is VOC's border


def png(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """A mask for each picture: 0 is background, else a class number of classes.txt."""
    _check(len(given.classes))
    for record in given.records:
        yield f"masks/{record.stem}.png", [_mask(record, [o.label + 1 for o in record.objects])]
    yield "classes.txt", [_listed(range(1, len(given.classes) + 1), given.classes)]


def voc(given: Annotations) -> Iterator[tuple[str, Iterable[bytes]]]:
    """VOC's XML and masks; VOC's own names and numbers where all classes are VOC's.

    Every list of ImageSets names all pictures; SegmentationClass.txt has the numbers of classes.
    """
    places = {name: number for number, names in enumerate(CLASSES, 1) for name in names}
    own = all(name in places for name in given.classes)
    numbers = [places[name] if own else at for at, name in enumerate(given.classes, 1)]
    classes = tuple(CLASSES[n - 1][0] for n in numbers) if own else given.classes
    _check(len(classes))
    for record in given.records:
        _check(len(record.objects))
        of_class = [numbers[one.label] for one in record.objects]
        of_object = list(range(1, len(record.objects) + 1))
        yield f"Annotations/{record.stem}.xml", [_xml(record, classes)]
        yield f"SegmentationClass/{record.stem}.png", [_mask(record, of_class)]
        yield f"SegmentationObject/{record.stem}.png", [_mask(record, of_object)]
    for kind, part in product(("Main", "Segmentation"), ("train", "val", "trainval")):
        names = (f"{record.stem}\n".encode() for record in given.records)
        yield f"ImageSets/{kind}/{part}.txt", names
    yield "SegmentationClass.txt", [_listed(numbers, classes)]


def _xml(record: Record, classes: tuple[str, ...]) -> bytes:
    root = ElementTree.Element("annotation")
    _add(root, "folder", "JPEGImages")
    _add(root, "filename", f"{record.stem}.jpg")
    size = ElementTree.SubElement(root, "size")
    for side, value in zip(("width", "height", "depth"), (*record.size, 3), strict=True):
        _add(size, side, value)
    _add(root, "segmented", int(bool(record.objects)))
    for one in record.objects:
        entry = ElementTree.SubElement(root, "object")
        for key, text in _fields(one, classes).items():
            _add(entry, key, text)
        box, (left, top, right, bottom) = ElementTree.SubElement(entry, "bndbox"), one.box
        sides = {"xmin": left + 1, "ymin": top + 1, "xmax": right, "ymax": bottom}
        for side, value in sides.items():
            _add(box, side, value)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8"))


def _fields(one: Annotated, classes: tuple[str, ...]) -> dict[str, object]:
    return {
        "name": classes[one.label],
        "pose": "Unspecified",
        "truncated": 0,
        "difficult": 0,
        "score": f"{one.score:.4f}",
    }


def _add(parent: ElementTree.Element, name: str, text: object) -> None:
    ElementTree.SubElement(parent, name).text = str(text)


def _mask(record: Record, numbers: list[int]) -> bytes:
    """A PNG of numbers; where objects of several classes overlap, the higher score is seen."""
    width, height = record.size
    pixels = np.zeros((height, width), dtype=np.uint8)
    order = sorted(range(len(numbers)), key=lambda at: record.objects[at].score)
    for at in order:
        pixels[record.objects[at].mask(record.size)] = numbers[at]
    image = Image.fromarray(pixels)
    image.putpalette([part for number in range(256) for part in voc_colour(number)])
    return png_bytes(image)


def _listed(numbers: Iterable[int], classes: Iterable[str]) -> bytes:
    pairs = zip(numbers, classes, strict=True)
    return "".join(f"{number} {name}\n" for number, name in pairs).encode()


def _check(count: int) -> None:
    if count > MOST:
        raise SaveError(
            f"a mask in PNG has numbers up to {MOST}, but there are {count} classes or objects; "
            "take coco, yolo or labelme (--to)."
        )
