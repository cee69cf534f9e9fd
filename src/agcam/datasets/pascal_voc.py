"""Pascal VOC 2012 validation, pictures with exactly one class (several objects allowed)."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import DataSet, Sample, Truth
from .common import Classes, bad, read_mask, reader, reading, require_known, truth_of, wrong_layout
from .xml_boxes import read_annotation

_LAYOUT = (
    "JPEGImages/*.jpg, Annotations/*.xml, ImageSets/Main/val.txt, and SegmentationClass/*.png if "
    "masks are wanted (in the root, VOC2012/ or VOCdevkit/VOC2012/)"
)
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


def read(root: str) -> DataSet:
    """The pictures of val.txt that show one class, in its order, as the paper takes them.

    VOC counts pixels from 1 and includes the last one: a box is xmin - 1, ymin - 1, xmax, ymax.
    A mask is 1 where SegmentationClass has the class, -1 on its borders (255). A picture whose
    annotation cannot be read is kept and fails when its truth is asked for.
    """
    place = Place(root)
    base = next((b for b in ("", "VOC2012", "VOCdevkit/VOC2012") if _is_voc(place.folder(b))), None)
    if base is None:
        raise wrong_layout(place, _LAYOUT, "ImageSets/Main/val.txt")
    place = place.folder(base)
    if not place.has("Annotations") or not place.has("JPEGImages"):
        raise wrong_layout(place, _LAYOUT, "Annotations or JPEGImages")
    with reading(place.at("ImageSets/Main/val.txt")):
        lines = place.lines("ImageSets/Main/val.txt")
    classes = Classes(CLASSES)
    samples = tuple(
        sample
        for name in dict.fromkeys(line.split()[0] for line in lines if line.strip())
        for sample in [_sample(place, name, classes)]
        if sample is not None
    )
    masks = frozenset(place.files("SegmentationClass", (".png",)))
    truth = partial(_truth, place=place, masks=masks, names=tuple(classes.names))
    return DataSet("pascal_voc", tuple(classes.names), samples, truth)


def _is_voc(place: Place) -> bool:
    return place.has("ImageSets/Main/val.txt")


def _sample(place: Place, name: str, classes: Classes) -> Sample | None:
    """A picture with objects of one class; None for several or none."""
    address = place.at(f"JPEGImages/{name}.jpg")
    try:
        found = {label for label, _ in read_annotation(place, f"Annotations/{name}.xml").objects}
    except DataSetError as error:
        return bad(name, error, address)
    return Sample(name, address, classes.label(found.pop())) if len(found) == 1 else None


def _truth(
    sample: Sample,
    *,
    place: Place,
    masks: frozenset[str],
    names: tuple[tuple[str, ...], ...],
) -> Truth:
    note = read_annotation(place, f"Annotations/{sample.name}.xml")
    require_known(sample, len(CLASSES), names)
    boxes = np.array([box for _, box in note.objects]) - [1, 1, 0, 0]
    mask = None
    if f"{sample.name}.png" in masks:
        mask = _mask(place.at(f"SegmentationClass/{sample.name}.png"), sample.label + 1)
    return truth_of(sample, boxes, stated=note.size, mask=mask)


def _mask(address: str, number: int) -> NDArray[np.int8]:
    """1 where the palette has the class, -1 on what VOC leaves out, 0 elsewhere."""
    values: NDArray[Any] = read_mask(address)
    return np.where(values == _IGNORED, -1, values == number).astype(np.int8)


READER = reader("pascal_voc", read, _LAYOUT, "Everingham et al., Pascal VOC, IJCV 2010")
