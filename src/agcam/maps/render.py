"""From relevance per pixel to colours, alone or over the picture."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from ..errors import RenderError, UnknownNameError
from ..registry import did_you_mean

_SLACK = 1e-6  # rounding of a float32 map is not an error


def heat_map(values: NDArray[Any], colormap: str = "turbo") -> Image.Image:
    """Colour a map (height, width) with values in [0, 1]; an RGB picture of the same size.

    `colormap` is any name that matplotlib knows. Pixels that are NaN, which the model never saw,
    are grey with diagonal stripes. Raises UnknownNameError, RenderError.
    """
    colours, seen = _colours(values, colormap)
    if seen.all():
        return colours
    grey = Image.fromarray(np.where(_stripes(seen.shape), np.uint8(118), np.uint8(138)))
    return Image.composite(colours, grey.convert("RGB"), Image.fromarray(seen))


def overlay(
    picture: Image.Image, values: NDArray[Any], alpha: float = 0.5, colormap: str = "turbo"
) -> Image.Image:
    """Lay a map (height, width) with values in [0, 1] over its picture; an RGB picture.

    `alpha` is the weight of the map: alpha * colours + (1 - alpha) * picture. Pixels that are NaN,
    which the model never saw, show the picture without colour, dimmed, with diagonal stripes.
    Raises UnknownNameError, RenderError.
    """
    if not 0 <= alpha <= 1:
        raise RenderError(f"alpha is the weight of the map, from 0 to 1, not {alpha}")
    if values.shape != (picture.height, picture.width):
        raise RenderError(
            f"a map of shape {values.shape} does not fit a picture of {picture.height} rows and "
            f"{picture.width} columns"
        )
    colours, seen = _colours(values, colormap)
    blended = Image.blend(picture.convert("RGB"), colours, alpha)
    if seen.all():
        return blended
    dimmed = picture.convert("L").point([round(40 + 0.38 * level) for level in range(256)])
    lit = picture.convert("L").point([round(64 + 0.38 * level) for level in range(256)])
    dimmed.paste(lit, mask=Image.fromarray(_stripes(seen.shape)))
    return Image.composite(blended, dimmed.convert("RGB"), Image.fromarray(seen))


@lru_cache(maxsize=16)
def colour_table(colormap: str) -> NDArray[np.uint8]:
    """(256, 3) red, green, blue of a matplotlib colormap, read-only. Raises UnknownNameError."""
    from matplotlib import colormaps  # without pyplot, so without a window system

    if colormap not in colormaps:
        hint = did_you_mean(str(colormap), colormaps, "turbo, jet and viridis are.")
        raise UnknownNameError(f"no colormap is called {colormap!r}; {hint}")
    colours = colormaps[colormap](np.linspace(0, 1, 256), bytes=True)
    table: NDArray[np.uint8] = np.ascontiguousarray(colours[:, :3])
    table.setflags(write=False)  # all callers share it
    return table


def _colours(values: NDArray[Any], colormap: str) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Colour all pixels (unseen ones anyhow), and say which were seen (height, width)."""
    values = np.asarray(values)
    if values.ndim != 2 or values.size == 0:
        raise RenderError(f"one map (height, width) is drawn at a time, not shape {values.shape}")
    table = colour_table(colormap)
    seen = ~np.isnan(values)
    low, high = np.fmin.reduce(values, axis=None), np.fmax.reduce(values, axis=None)
    if low < -_SLACK or high > 1 + _SLACK:
        raise RenderError(
            f"the map's values run from {low:.3g} to {high:.3g}, not within 0 ... 1; draw "
            "pixel_map.normalized()"
        )
    level = np.where(seen, values, values.dtype.type(0))
    level = np.multiply(level, 255, dtype=np.result_type(level, np.float32))
    np.clip(np.rint(level, out=level), 0, 255, out=level)
    # PIL looks colours up in the palette at a third of the memory of an index into the table.
    colours = Image.fromarray(level.astype(np.uint8))
    colours.putpalette(table.tobytes())
    return colours.convert("RGB"), seen


def _stripes(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Diagonal stripes, (height, width), about forty along the longer side."""
    height, width = shape
    period = max(4, max(shape) // 40)
    line = np.arange(width + period) % period < max(1, period // 4)
    # Each row is the one above, moved by one pixel.
    return sliding_window_view(line, width)[np.arange(height) % period]
