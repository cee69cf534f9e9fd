"""Pascal VOC 2012 validation, pictures with exactly one class (several objects allowed).

Where classes are not VOC's they are those of SegmentationClass.txt, which `annotate` writes, or of
labelmap.txt, CVAT's; without masks they are those that objects have, behind VOC's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, read_mask, read_painted
from .classes import Classes, numbered_classes
from .label_map import LabelMap, read_label_map
from .reader import PICTURES, LayoutError, Listing, bad, missing, reader
from .voc_lists import listed, picture_names
from .xml_boxes import read_annotation

_LAYOUT = (
    "JPEGImages/, Annotations/*.xml, ImageSets/Main/val.txt, and SegmentationClass/*.png if "
    "masks are wanted (in the root, VOC2012/ or VOCdevkit/VOC2012/); where classes are not VOC's, "
    "SegmentationClass.txt (number and name, one class per line) or CVAT's labelmap.txt, with "
    "which the list may have another name and be in ImageSets/Segmentation/, without Annotations/"
)
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


class _Set(NamedTuple):
    """A folder; its pictures by name; names of XML files, of masks; CVAT's label map or None."""

    place: Place
    pictures: Mapping[str, str]
    noted: frozenset[str]
    masks: frozenset[str]
    label_map: LabelMap | None

    def numbers(self, folder: str, name: str) -> NDArray[np.int32]:
        """The numbers of a mask, (height, width); -1 is not judged."""
        address = self.place.at(f"{folder}/{name}.png")
        if self.label_map:
            return self.label_map.numbers(address)
        values = read_mask(address)
        return np.where(values == _IGNORED, -1, values)


def read(root: str) -> Listing:
    """The pictures of a list that show one class, in its order, as the paper takes them.

    VOC counts pixels from 1 and includes the last one: a box is xmin - 1, ymin - 1, xmax, ymax.
    CVAT counts from 0: with labelmap.txt a box is as it stands; without XML files there are those
    of SegmentationObject. A mask is 1 where SegmentationClass has the class, -1 on its borders. A
    picture whose annotation cannot be read is kept, and its truth fails.
    """
    folder, lines = listed(root)
    label_map = read_label_map(folder)
    found = _found(folder, label_map)
    own = label_map.names if label_map else _own_classes(folder)
    classes = Classes([_synonyms(name) for name in own.values()] if own else CLASSES)
    names = picture_names(lines, found.pictures)
    numbers = list(own) or list(range(1, len(CLASSES) + 1))
    made = [_sample(found, name, classes, numbers) for name in names]
    samples = [sample for sample in made if sample is not None]
    if not samples:
        raise LayoutError(f"{folder.root}: none of its pictures has objects of one class alone")
    if not found.masks:  # whose numbers are those of a list of classes
        classes.known = len(classes.names)
    samples = [_with_a_number(sample, classes) for sample in samples]
    return Listing(classes, samples, partial(_annotate, found=found, numbers=tuple(numbers)))


def _found(place: Place, label_map: LabelMap | None) -> _Set:
    """What a folder holds. Raises LayoutError where it has no pictures, or nothing of them."""
    pictures = {_stem(file): f"JPEGImages/{file}" for file in place.files("JPEGImages", PICTURES)}
    noted, masks = (
        frozenset(map(_stem, place.files(name, (suffix,))))
        for name, suffix in (("Annotations", ".xml"), ("SegmentationClass", ".png"))
    )
    if not pictures or not (noted or (masks and label_map)):
        raise missing(place, "Annotations or JPEGImages")
    return _Set(place, pictures, noted, masks, label_map)


def _stem(file: str) -> str:
    return file.rsplit(".", 1)[0]


def _synonyms(name: str) -> tuple[str, ...]:
    """A name as it is written, with VOC's other name for it."""
    return (
        name,
        *(other for names in CLASSES if name in names for other in names if other != name),
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
    own = numbered_classes(place, _OWN)
    known = {names[0] for names in CLASSES}
    return {} if known.issuperset(own.values()) else own


def _sample(found: _Set, name: str, classes: Classes, numbers: Sequence[int]) -> Sample | None:
    """A picture with objects of one class; None for several or none."""
    address = found.place.at(found.pictures.get(name, f"JPEGImages/{name}.jpg"))
    try:
        kinds = _kinds(found, name, classes, numbers)
    except DataSetError as error:
        return bad(name, error, address)
    return Sample(name, address, classes.label(kinds.pop())) if len(kinds) == 1 else None


def _kinds(found: _Set, name: str, classes: Classes, numbers: Sequence[int]) -> set[str]:
    """The classes of a picture, by its XML file; of a set without any, by its mask."""
    if found.noted:
        note = read_annotation(found.place, f"Annotations/{name}.xml")
        return {label for label, _ in note.objects}
    there = set(np.unique(found.numbers("SegmentationClass", name)).tolist())
    return {classes.names[label][0] for label, one in enumerate(numbers) if one in there}


def _annotate(sample: Sample, *, found: _Set, numbers: Sequence[int]) -> Annotation:
    mask = None
    if sample.name in found.masks:
        values = found.numbers("SegmentationClass", sample.name)
        mask = np.where(values < 0, -1, values == numbers[sample.label]).astype(np.int8)
    if mask is not None and not found.noted:
        return Annotation(_boxes(found.place, sample.name, mask == 1), mask)
    note = read_annotation(found.place, f"Annotations/{sample.name}.xml")
    boxes = np.array([box for _, box in note.objects])
    return Annotation(boxes if found.label_map else boxes - [1, 1, 0, 0], mask, note.size)


def _boxes(place: Place, name: str, inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Those of the objects in SegmentationObject that lie in a mask; none where it has no file."""
    file = f"SegmentationObject/{name}.png"
    if not place.has(file):
        return np.zeros((0, 4), dtype=np.int64)
    painted = read_painted(place.at(file))
    if painted.shape[:2] != inside.shape:
        raise DataSetError(f"{place.at(file)} has another size than the mask of {name}")
    colours, of = np.unique(painted[inside], axis=0, return_inverse=True)
    rows, columns = np.nonzero(inside)
    boxes = []
    for one in range(len(colours)):
        x, y = columns[of.ravel() == one], rows[of.ravel() == one]
        boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
    return np.array(boxes)


READER = reader("pascal_voc", read, _LAYOUT, "Everingham et al., Pascal VOC, IJCV 2010")
