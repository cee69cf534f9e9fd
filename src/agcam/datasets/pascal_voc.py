"""Pascal VOC 2012 validation, pictures with exactly one class (several objects allowed)."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, numbered_lines, read_mask
from .classes import Classes
from .reader import Listing, bad, missing, reader
from .xml_boxes import read_annotation

_LAYOUT = (
    "JPEGImages/*.jpg, Annotations/*.xml, ImageSets/Main/val.txt, and SegmentationClass/*.png if "
    "masks are wanted (in the root, VOC2012/ or VOCdevkit/VOC2012/)"
)
_LIST = "ImageSets/Main/val.txt"
CLASSES: Final = (
    ("aeroplane", "airplane"),
    ("bicycle",),
    ("bird",),
    ("boat",),
    ("bottle",),
    ("bus",),
    ("car",),
    ("cat",),
    ("chair",),
    ("cow",),
    ("diningtable", "dining table"),
    ("dog",),
    ("horse",),
    ("motorbike", "motorcycle"),
    ("person",),
    ("pottedplant", "potted plant"),
    ("sheep",),
    ("sofa", "couch"),
    ("train",),
    ("tvmonitor", "tv"),
)
_IGNORED = 255


def read(root: str) -> Listing:
    """The pictures of val.txt that show one class, in its order, as the paper takes them.

    VOC counts pixels from 1 and includes the last one: a box is xmin - 1, ymin - 1, xmax, ymax.
    A mask is 1 where SegmentationClass has the class, -1 on its borders (255). A picture whose
    annotation cannot be read is kept, and its truth fails.
    """
    folders = [Place(root).folder(base) for base in ("", "VOC2012", "VOCdevkit/VOC2012")]
    place = next((folder for folder in folders if folder.has(_LIST)), None)
    if place is None:
        raise missing(Place(root), _LIST)
    if not place.has("Annotations") or not place.has("JPEGImages"):
        raise missing(place, "Annotations or JPEGImages")
    classes = Classes(CLASSES)
    names = dict.fromkeys(line.split()[0] for _, line in numbered_lines(place, _LIST))
    found = [_sample(place, name, classes) for name in names]
    masks = frozenset(place.files("SegmentationClass", (".png",)))
    return Listing(
        classes,
        [sample for sample in found if sample is not None],
        partial(_annotate, place=place, masks=masks),
    )


def _sample(place: Place, name: str, classes: Classes) -> Sample | None:
    """A picture with objects of one class; None for several or none."""
    address = place.at(f"JPEGImages/{name}.jpg")
    try:
        found = {label for label, _ in read_annotation(place, f"Annotations/{name}.xml").objects}
    except DataSetError as error:
        return bad(name, error, address)
    return Sample(name, address, classes.label(found.pop())) if len(found) == 1 else None


def _annotate(sample: Sample, *, place: Place, masks: frozenset[str]) -> Annotation:
    note = read_annotation(place, f"Annotations/{sample.name}.xml")
    boxes = np.array([box for _, box in note.objects]) - [1, 1, 0, 0]
    mask = None
    if f"{sample.name}.png" in masks:
        mask = _mask(place.at(f"SegmentationClass/{sample.name}.png"), sample.label + 1)
    return Annotation(boxes, mask, note.size)


def _mask(address: str, number: int) -> NDArray[np.int8]:
    """1 where the palette has the class, -1 on what VOC excludes, 0 elsewhere."""
    values = read_mask(address)
    return np.where(values == _IGNORED, -1, values == number).astype(np.int8)


READER = reader("pascal_voc", read, _LAYOUT, "Everingham et al., Pascal VOC, IJCV 2010")
