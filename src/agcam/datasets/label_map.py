"""The names and colours of masks as CVAT writes them beside VOC's layout: labelmap.txt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..addresses import Place
from ..errors import DataSetError
from .annotation import numbered_lines, read_painted
from .checked import shown

FILE: Final = "labelmap.txt"
_LINE: Final = re.compile(r"(.+?):(?:(\d{1,3}),(\d{1,3}),(\d{1,3}))?:([^:]*):([^:]*)")
_BORDER: Final = (224, 224, 192)  # VOC's colour of 255
_NO_CLASSES: Final = ("background", "ignored")
_IN_GREY: Final = 255  # what is not judged, in a mask of numbers
_IGNORED: Final = -1
_UNKNOWN: Final = -2


@dataclass(frozen=True)
class LabelMap:
    """The names of classes by number, that of their line from 0; and the number of each colour."""

    names: dict[int, str]
    colours: dict[tuple[int, int, int], int]

    def numbers(self, address: str) -> NDArray[np.int32]:
        """A mask's numbers, (height, width), by its colours; one without colours has the numbers.

        What is not judged is -1. Raises DataSetError for a colour of no name or of several.
        """
        painted = read_painted(address)
        if painted.ndim == 2:
            return np.where(painted == _IN_GREY, _IGNORED, painted.astype(np.int32))
        packed = painted.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
        table = {red << 16 | green << 8 | blue: n for (red, green, blue), n in self.colours.items()}
        found, where = np.unique(packed, return_inverse=True)
        numbers = np.array([table.get(int(colour), _UNKNOWN) for colour in found], dtype=np.int32)
        if (numbers == _UNKNOWN).any():
            colour = int(found[numbers == _UNKNOWN][0])
            raise DataSetError(
                f"{address} has the colour {colour >> 16},{colour >> 8 & 255},{colour & 255}, "
                f"which is that of no name in {FILE}, or of several"
            )
        return numbers[where].reshape(packed.shape)


def read_label_map(place: Place) -> LabelMap | None:
    """The label map of a folder; None where it has none. Raises DataSetError for a broken one.

    A line is `name:red,green,blue:parts:actions`; without a colour it has VOC's of its number.
    `background` and `ignored` are no classes.
    """
    if not place.has(FILE):
        return None
    names: dict[int, str] = {}
    colours: dict[tuple[int, int, int], int] = {}
    lines = [(at, line.strip()) for at, line in numbered_lines(place, FILE)]
    for number, (at, line) in enumerate((at, line) for at, line in lines if line[0] != "#"):
        found = _LINE.fullmatch(line)
        where = f"line {at} of {place.at(FILE)}"
        if not found:
            raise DataSetError(f"{where}: {shown(line)} is not NAME:RED,GREEN,BLUE:PARTS:ACTIONS")
        name, stated = found[1], found.group(2, 3, 4)
        colour = voc_colour(number) if stated[0] is None else _stated(stated)
        if name in names.values():
            raise DataSetError(f"{where}: {shown(name)} is there twice")
        if name not in _NO_CLASSES:
            names[number] = name
        shows = _IGNORED if name == "ignored" else number
        colours[colour] = _UNKNOWN if colour in colours else shows
    colours.setdefault(_BORDER, _IGNORED)
    return LabelMap(names, colours)


def _stated(colour: Any) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in colour)
    return red, green, blue


def voc_colour(number: int) -> tuple[int, int, int]:
    """VOC's colour of a number: its bits, three at a time, from each colour's highest."""
    red, green, blue = (
        sum((number >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for channel in range(3)
    )
    return red, green, blue
