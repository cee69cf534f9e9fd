"""Pascal VOC 2012 validation, pictures with exactly one class (several objects allowed).

Where classes are not VOC's they are those of SegmentationClass.txt, which `annotate` writes;
without masks they are those that objects have, behind VOC's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from ..wording import printable
from .annotation import Annotation, numbered_lines, read_mask
from .classes import Classes
from .reader import LayoutError, Listing, bad, missing, reader
from .xml_boxes import read_annotation

_LAYOUT = (
    "JPEGImages/*.jpg, Annotations/*.xml, ImageSets/Main/val.txt, and SegmentationClass/*.png if "
    "masks are wanted (in the root, VOC2012/ or VOCdevkit/VOC2012/); SegmentationClass.txt (number "
    "and name, one class per line) where classes are not VOC's"
)
_LIST = "ImageSets/Main/val.txt"
_OWN = "SegmentationClass.txt"
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
    own = _own_classes(place)
    classes = Classes([(name,) for name in own.values()] if own else CLASSES)
    names = dict.fromkeys(line.split()[0] for _, line in numbered_lines(place, _LIST))
    masks = frozenset(place.files("SegmentationClass", (".png",)))
    found = [_sample(place, name, classes) for name in names]
    samples = [sample for sample in found if sample is not None]
    if not samples:
        raise LayoutError(f"{place.at(_LIST)}: none of its pictures has objects of one class alone")
    if not masks:  # whose numbers are those of a list of classes
        classes.known = len(classes.names)
    samples = [_with_a_number(sample, classes) for sample in samples]
    return Listing(
        classes,
        samples,
        partial(_annotate, place=place, masks=masks, numbers=tuple(own)),
    )


def _with_a_number(sample: Sample, classes: Classes) -> Sample:
    """The sample; a bad one where it is not known which number in the masks its class has."""
    if sample.problem or sample.label < classes.known:
        return sample
    where = f"which number {classes.names[sample.label][0]!r} has in the masks is not known"
    return bad(
        sample.name,
        f"{sample.name}: {where}: it is no class of VOC's or of {_OWN}; write it there as NUMBER "
        "NAME, one class per line, or take SegmentationClass away",
        sample.address,
    )


def _own_classes(place: Place) -> dict[int, str]:
    """The numbers and names of classes that are not VOC's; none where they are."""
    if not place.has(_OWN):
        return {}
    own = {}
    for _, line in numbered_lines(place, _OWN):
        number, _, name = line.strip().partition(" ")
        if not number.isdecimal() or not name or int(number) in own:
            raise DataSetError(f"{place.at(_OWN)}: expected NUMBER NAME, not {printable(line)}.")
        own[int(number)] = name
    known = {names[0] for names in CLASSES}
    return {} if known.issuperset(own.values()) else own


def _sample(place: Place, name: str, classes: Classes) -> Sample | None:
    """A picture with objects of one class; None for several or none."""
    address = place.at(f"JPEGImages/{name}.jpg")
    try:
        found = {label for label, _ in read_annotation(place, f"Annotations/{name}.xml").objects}
    except DataSetError as error:
        return bad(name, error, address)
    return Sample(name, address, classes.label(found.pop())) if len(found) == 1 else None


def _annotate(
    sample: Sample, *, place: Place, masks: frozenset[str], numbers: Sequence[int]
) -> Annotation:
    note = read_annotation(place, f"Annotations/{sample.name}.xml")
    boxes = np.array([box for _, box in note.objects]) - [1, 1, 0, 0]
    mask = None
    if f"{sample.name}.png" in masks:
        number = numbers[sample.label] if numbers else sample.label + 1
        mask = _mask(place.at(f"SegmentationClass/{sample.name}.png"), number)
    return Annotation(boxes, mask, note.size)


def _mask(address: str, number: int) -> NDArray[np.int8]:
    """1 where the palette has the class, -1 on what VOC excludes, 0 elsewhere."""
    values = read_mask(address)
    return np.where(values == _IGNORED, -1, values == number).astype(np.int8)


READER = reader("pascal_voc", read, _LAYOUT, "Everingham et al., Pascal VOC, IJCV 2010")
