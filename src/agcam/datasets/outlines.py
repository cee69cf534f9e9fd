"""Outlines as pixels: polygons and run lengths, checked before they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import DataSetError
from .checked import BadValueError, json_integer, json_number, shown

_BEYOND: Final = 1.0  # pixels that a corner may lie outside the picture, as a box may
_CORNERS: Final = 6  # numbers of the smallest polygon: four would be taken for a box


def filled(outline: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Polygons or run lengths (plain or packed) as pixels; `size` is (width, height).

    Raises ValueError for what is neither, or does not fit the picture.
    """
    if isinstance(outline, list):
        return _inside([_polygon(corners, size) for corners in outline], size)
    if not isinstance(outline, dict):
        raise BadValueError(f"{shown(outline)} is not an outline")
    return _runs(outline, size)


def _polygon(corners: Any, size: tuple[int, int]) -> list[float]:
    if not isinstance(corners, list) or len(corners) < _CORNERS or len(corners) % 2:
        raise BadValueError(f"{shown(corners)} is not a polygon of three or more corners")
    checked = [json_number(value) for value in corners]
    for values, length in zip((checked[::2], checked[1::2]), size, strict=True):
        if min(values) < -_BEYOND or max(values) > length + _BEYOND:
            raise BadValueError(
                f"a polygon reaches from {min(values):g} to {max(values):g}, outside its picture "
                f"of {size[0]} x {size[1]} pixels"
            )
    return checked


def _inside(polygons: list[list[float]], size: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise DataSetError(
            "masks of polygons need pycocotools: pip install agcam[datasets]"
        ) from error
    width, height = size
    runs = coco.merge(coco.frPyObjects(polygons, height, width))
    return np.asarray(coco.decode(runs)).astype(np.bool_)


def _runs(outline: dict[str, Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """COCO's run lengths: off and on in turn, down the columns."""
    width, height = size
    stated = outline.get("size")
    if stated != [height, width]:
        found = f"{shown(stated)}"
        if isinstance(stated, list) and len(stated) == 2:
            found = f"{shown(stated[1])} x {shown(stated[0])}"
        raise BadValueError(
            f"its run lengths are for a picture of {found} pixels, not {width} x {height}"
        )
    counts = outline.get("counts")
    if isinstance(counts, str):
        lengths = _unpacked(counts, width * height)
    elif isinstance(counts, list):
        lengths = [json_integer(count) for count in counts]
    else:
        raise BadValueError(f"{shown(counts)} is not a list of run lengths")
    if sum(lengths) != width * height:
        raise BadValueError(f"its run lengths cover {sum(lengths)} pixels, not {width * height}")
    on = np.arange(len(lengths)) % 2 == 1
    return np.asarray(np.repeat(on, lengths).reshape(width, height).T)


def _unpacked(text: str, most: int) -> list[int]:
    """COCO's packed run lengths: six bits a letter, least first; the sixth says that more follow.

    From the fourth run on it is the change from the last but one.
    """
    lengths: list[int] = []
    value = shift = 0
    for letter in text:
        bits = ord(letter) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise BadValueError(f"{shown(text)} does not hold packed run lengths")
        value |= (bits & 0x1F) << shift
        shift += 5
        if bits & 0x20:
            continue
        if bits & 0x10:
            value -= 1 << shift
        if len(lengths) > 2:
            value += lengths[-2]
        if not 0 <= value <= most:
            raise BadValueError(f"{shown(text)} holds a run of {value} pixels")
        lengths.append(value)
        value = shift = 0
    if shift:
        raise BadValueError(f"{shown(text)} ends within a run length")
    return lengths


def flat(polygons: Sequence[Sequence[float]], size: tuple[int, int]) -> list[list[float]]:
    """Polygons in shares of a picture, in its pixels."""
    scale: Any = np.array(size)
    return [(np.reshape(corners, (-1, 2)) * scale).ravel().tolist() for corners in polygons]
