"""Index masks: a .png of class numbers for each picture, and the list of the classes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, read_mask
from .classes import NO_LABEL, Classes, numbered_classes
from .reader import PICTURES, Listing, bad, missing, reader, require, unread

_LAYOUT = (
    "masks/*.png of class numbers (0 is background, 255 is not judged), pictures of the same names "
    "in images/, and classes.txt: NUMBER NAME, one class per line"
)
_LIST: Final = "classes.txt"
_IGNORED: Final = 255


def read(root: str) -> Listing:
    """Samples `1.jpg#cat`: one for each picture and class in its mask; no boxes.

    A picture without a mask is not a sample; a mask without a picture, or with a number that
    classes.txt does not have, fails.
    """
    place = Place(root)
    require(place, _LIST, "masks", "images")
    numbers = numbered_classes(place, _LIST)
    if not numbers:
        raise missing(place, f"a class in {_LIST}")
    classes = Classes((name,) for name in numbers.values())
    pictures = {_stem(file): file for file in place.files("images", PICTURES)}
    files, skipped = place.walk("masks", (".png",))
    if not files:
        raise missing(place, "a .png in masks/")
    samples = [
        sample
        for file in files
        for sample in _samples(place, file, pictures.get(_stem(file)), numbers, classes)
    ]
    masks = {
        place.at(f"images/{pictures[_stem(file)]}"): place.at(f"masks/{file}")
        for file in files
        if _stem(file) in pictures
    }
    annotate = partial(_annotate, masks=masks, numbers=tuple(numbers))
    return Listing(classes, samples + unread(place, "masks", skipped), annotate)


def _stem(file: str) -> str:
    return file.rsplit(".", 1)[0]


def _samples(
    place: Place, file: str, picture: str | None, numbers: Mapping[int, str], classes: Classes
) -> list[Sample]:
    """One for each class in a mask; a bad one for a mask that cannot be used."""
    mask = place.at(f"masks/{file}")
    if picture is None:
        return [bad(file, f"{mask} has no picture of its name in {place.at('images')}", mask)]
    address = place.at(f"images/{picture}")
    try:
        there = set(np.unique(read_mask(mask)).tolist()) - {0, _IGNORED}
    except DataSetError as error:
        return [bad(f"{picture}#{NO_LABEL}", error, address)]
    unknown = sorted(there - set(numbers))
    if unknown:
        some = ", ".join(map(str, unknown[:5]))
        why = f"{mask} has pixels of {some}, which {_LIST} does not have"
        return [bad(f"{picture}#{NO_LABEL}", why, address)]
    return [
        Sample(f"{picture}#{classes.names[label][0]}", address, label)
        for label, number in enumerate(numbers)
        if number in there
    ]


def _annotate(sample: Sample, *, masks: Mapping[str, str], numbers: tuple[int, ...]) -> Annotation:
    values = read_mask(masks[sample.address])
    mask = np.where(values == _IGNORED, -1, values == numbers[sample.label])
    return Annotation(mask=mask.astype(np.int8))


READER = reader("masks", read, _LAYOUT, "agcam: docs/datasets.md")
