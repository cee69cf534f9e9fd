"""Maps on the original pictures' pixels."""

from __future__ import annotations

from ..maps import PixelMap


class PixelMaps(tuple[PixelMap, ...]):
    """One PixelMap (target, height, width) for each picture."""

    __slots__ = ()

    def normalized(self) -> PixelMaps:
        """Every map scaled to [0, 1] by its own range; what the model never saw stays NaN."""
        return PixelMaps(pixel_map.normalized() for pixel_map in self)
