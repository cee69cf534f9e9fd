"""What evaluation is about: a data set, its samples, and what people said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Sample:
    """One picture asked about one class; names and numbers only, so that it travels anywhere.

    `name` is unique in its data set; `address` is a path or an fsspec address; `label` counts in
    the data set's own classes. A picture that shows several classes is several samples.
    `problem` says what is wrong with a sample that cannot be judged, with file and line; its label
    means nothing.
    """

    name: str
    address: str
    label: int
    problem: str = ""


@dataclass(frozen=True)
class Truth:
    """What people drew for one sample: boxes of its class, and a mask where there is one.

    `boxes` is (box, 4), left, top, right, bottom in pixels of the original picture (after EXIF
    rotation), right and bottom just outside; `mask` (height, width) is 1 on the class, 0 off it,
    -1 where nothing is to be judged; both are empty or None where nothing was drawn.
    """

    boxes: NDArray[Any]
    mask: NDArray[Any] | None = None


@dataclass(frozen=True)
class DataSet:
    """Samples in a fixed order, their classes, and how to read the truth of one.

    `classes` gives for each label every name that it is known by, its synset first where it has
    one. `truth` reads annotations when asked, so a bad one is the failure of one sample.
    """

    name: str
    classes: tuple[tuple[str, ...], ...]
    samples: tuple[Sample, ...]
    truth: Callable[[Sample], Truth]


@dataclass(frozen=True)
class Reader:
    """A layout of files as users have them on disk: how to know it, and how to read it.

    `root` is a folder, a file or an fsspec address. `layout` says in words what must lie there.
    """

    name: str
    read: Callable[[str], DataSet]
    layout: str
    cite: str
