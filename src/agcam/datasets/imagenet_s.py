"""ImageNet-S: ImageNet pictures with a mask of every class in them."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from ..addresses import Place
from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, read_colours
from .classes import Classes
from .reader import PICTURES, Listing, bad, missing, reader, unread
from .synsets import names_of

_LAYOUT = (
    "validation (or train-semi) with synset folders of pictures, and validation-segmentation (or "
    "train-semi-segmentation) with a .png for each"
)
_SPLITS: Final = ("validation", "train-semi")
_IGNORED: Final = 1000


def read(root: str) -> Listing:
    """Samples by their paths in the split; classes are the synset folders in order.

    A mask's number is red + 256 * green: the class's place among the sorted synsets of the data
    set, counted from 1; 0 is anything else, 1000 is not judged. A mask without a pixel of its
    class fails, as all do where folders of classes are missing, which moves the numbers.
    """
    place = Place(root)
    split = next((name for name in _SPLITS if place.has(f"{name}-segmentation")), None)
    if split is None:
        raise missing(place, " or ".join(f"{name}-segmentation" for name in _SPLITS))
    pictures, masks = place.folder(split), place.folder(f"{split}-segmentation")
    files, skipped = pictures.walk("", PICTURES)
    drawn, _ = masks.walk("", (".png",))
    synsets = sorted({file.partition("/")[0] for file in (*files, *drawn) if "/" in file})
    problems = unread(place, split, skipped)
    if not files and not problems:
        raise missing(place, f"a picture in {split}")
    classes = Classes((synset, *names_of(synset)) for synset in synsets)
    label = {synset: number for number, synset in enumerate(synsets)}
    samples = [
        Sample(file, pictures.at(file), label[file.partition("/")[0]])
        if "/" in file
        else bad(file, f"{file} is not in a synset folder", pictures.at(file))
        for file in files
    ]
    return Listing(classes, samples + problems, partial(_annotate, masks=masks))


def _annotate(sample: Sample, *, masks: Place) -> Annotation:
    name = f"{sample.name.rpartition('.')[0]}.png"
    colours = read_colours(masks.at(name)).astype(np.int32)
    numbers = colours[..., 0] + 256 * colours[..., 1]
    own = sample.label + 1
    if not (numbers == own).any():
        others = sorted(set(np.unique(numbers).tolist()) - {0, _IGNORED})
        raise DataSetError(
            f"{sample.name}: its mask has no pixel of its class, number {own}; it has those of "
            f"{', '.join(map(str, others[:5])) or 'no class'} (are class folders missing?)"
        )
    mask = np.where(numbers == _IGNORED, -1, numbers == own)
    return Annotation(mask=mask.astype(np.int8))


READER = reader(
    "imagenet_s",
    read,
    _LAYOUT,
    "Gao et al., Large-scale Unsupervised Semantic Segmentation, TPAMI 2022, arXiv 2106.03149",
)
