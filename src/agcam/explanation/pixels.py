"""Maps and pictures by the pixel."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from ..maps import PixelMap
from ..values import Frame


class PixelMaps(tuple[PixelMap, ...]):
    """One PixelMap (target, height, width) for each picture."""

    __slots__ = ()

    def normalized(self) -> PixelMaps:
        """Every map scaled to [0, 1] by its own range; what the model never saw stays NaN."""
        return PixelMaps(pixel_map.normalized() for pixel_map in self)


def shrunk(
    pictures: Sequence[Image.Image], frames: Sequence[Frame], side: int
) -> tuple[tuple[Image.Image, ...], tuple[Frame, ...]]:
    """Pictures of which no side is above `side` pixels, and their frames."""
    small = [picture.copy() for picture in pictures]
    for picture in small:
        picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    pairs = zip(frames, small, strict=True)
    return tuple(small), tuple(frame.scaled(one.width, one.height) for frame, one in pairs)
