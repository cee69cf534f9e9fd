"""Objects as annotation tools keep them: polygons, boxes and small masks, by picture and class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import DataSetError
from ..values import Sample
from .annotation import Annotation, picture_size
from .checked import BadValueError
from .classes import Classes
from .outlines import filled, flat
from .reader import Listing


class Drawn(NamedTuple):
    """One object, in pixels or in shares of its picture.

    Attributes:
        polygons: Its parts, corners x and y in turn; none of what is a box, or has pixels.
        box: Left, top, right, bottom; of polygons that of their corners.
        pixels: Makes the mask of what lies in the box, (row, column); picklable.
        problem: What is wrong with it.
    """

    polygons: tuple[Sequence[float], ...] = ()
    box: Sequence[float] = ()
    pixels: Callable[[], NDArray[np.bool_]] | None = None
    problem: str = ""

    @property
    def sides(self) -> Sequence[float]:
        """Its box, stated or that of its corners."""
        if not self.polygons:
            return self.box
        x = [side for corners in self.polygons for side in corners[::2]]
        y = [side for corners in self.polygons for side in corners[1::2]]
        return min(x), min(y), max(x), max(y)


class DrawnOn(NamedTuple):
    """A picture: how samples call it, its address, its size as stated, and class -> objects."""

    file: str
    address: str
    objects: Mapping[str, Sequence[Drawn]]
    size: tuple[int, int] = (0, 0)


def listing(pictures: Iterable[DrawnOn], problems: Sequence[Sample], shares: bool) -> Listing:
    """One sample a picture and class, `a.jpg#cat`; classes in the order of their names.

    A mask is the union of a class's objects, and there only if all of them have outlines or
    pixels. With `shares` sides are shares of the picture.
    """
    listed = sorted(pictures, key=lambda one: one.file)
    classes = Classes((name,) for name in sorted({name for one in listed for name in one.objects}))
    pairs = [(one, name) for one in listed for name in sorted(one.objects)]
    samples = [
        Sample(f"{one.file}#{name}", one.address, classes.label(name)) for one, name in pairs
    ]
    found = {f"{one.file}#{name}": (one, name) for one, name in pairs}
    annotate = partial(_annotate, found=found, shares=shares)
    return Listing(classes, [*samples, *problems], annotate)


def _annotate(
    sample: Sample, *, found: Mapping[str, tuple[DrawnOn, str]], shares: bool
) -> Annotation:
    picture, name = found[sample.name]
    objects = picture.objects[name]
    for one in objects:
        if one.problem:
            raise DataSetError(f"{sample.name}: {one.problem}")
    size = picture_size(sample.address)
    scale = size if shares else (1, 1)
    boxes = [flat([one.sides], scale)[0] for one in objects]
    masks = [_mask(one, box, scale, size) for one, box in zip(objects, boxes, strict=True)]
    drawn = [mask for mask in masks if mask is not None]
    whole = len(drawn) == len(objects)
    mask = np.any(drawn, axis=0).astype(np.int8) if whole else None
    return Annotation(boxes, mask, picture.size)


def _mask(
    one: Drawn, box: Sequence[float], scale: tuple[int, int], size: tuple[int, int]
) -> NDArray[np.bool_] | None:
    """An object's pixels in the picture; None of a box."""
    if one.polygons:
        return filled(flat(one.polygons, scale), size)
    if one.pixels is None:
        return None
    left, top, right, bottom = (round(side) for side in box)
    if not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise BadValueError(f"a mask lies outside its picture of {size[0]} x {size[1]} pixels")
    inside = Image.fromarray(one.pixels())
    whole = np.zeros((size[1], size[0]), dtype=np.bool_)
    whole[top:bottom, left:right] = np.asarray(inside.resize((right - left, bottom - top), 0))
    return whole
