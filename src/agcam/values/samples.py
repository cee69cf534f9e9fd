"""What an evaluation is about: a data set, its samples, and their annotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

UNLABELLED: Final = -1
"""The label of a picture without a class that is known."""


@dataclass(frozen=True)
class Sample:
    """One picture and one class in it; names and numbers only, so that it can be sent anywhere.

    A picture that shows several classes is several samples, or one that holds them in `each`.

    Attributes:
        name: Unique in its data set.
        address: A path or an fsspec address.
        label: Counts in the data set's own classes; UNLABELLED in one without classes.
        problem: What is wrong with a sample that cannot be judged, with file and line; its label
            then means nothing.
        each: Where a sample stands for a picture with all its classes: one sample for each class.
    """

    name: str
    address: str
    label: int
    problem: str = ""
    each: tuple[Sample, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of what a picture shows, of which there is a picture without it.

    Attributes:
        mask: (height, width): where the part is, in pixels of the original picture.
        without: The address of the same picture without the part.
    """

    name: str
    mask: NDArray[np.bool_]
    without: str


@dataclass(frozen=True)
class Truth:
    """What is known of one sample: boxes of its class, a mask and removable parts if there are any.

    Attributes:
        boxes: (box, 4): left, top, right, bottom in pixels of the original picture (after EXIF
            rotation), right and bottom exclusive; there may be none.
        mask: (height, width): 1 on the class, 0 off it, -1 where nothing is judged.
        parts: What was removed in other pictures of the sample, one part at a time.
    """

    boxes: NDArray[Any]
    mask: NDArray[Any] | None = None
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class DataSet:
    """Samples in a fixed order, their classes, and how to read the annotation of one.

    Attributes:
        classes: For each label every name that it is known by, its synset first if it has one.
        truth: Reads the annotation of a sample when it is called, so that a bad one is the failure
            of that sample only.
        medium: What the samples are: "picture", "clip" or "sound".
    """

    name: str
    classes: tuple[tuple[str, ...], ...]
    samples: tuple[Sample, ...]
    truth: Callable[[Sample], Truth]
    medium: str = "picture"


@dataclass(frozen=True)
class Reader:
    """A layout of files as users have them on disk: how to recognise and how to read it.

    Attributes:
        read: From a folder, a file or an fsspec address to the data set.
        layout: The files that it expects, in words.
    """

    name: str
    read: Callable[[str], DataSet]
    layout: str
    cite: str
