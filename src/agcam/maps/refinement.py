"""A pixel map laid on its picture's own edges: the guided filter."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .pixels import PixelMap

RADII: Final = (0.5, 1.0, 2.0)  # of the filter's windows, in sides of a patch
EPS: Final = 1e-4  # variance of colours, which run from 0 to 1: below it there is no edge
FINEST: Final = 16  # pixels of a patch's side: the filter's coefficients are found in no more
REFINEMENT: Final = {
    "filter": "guided filter",
    "radii_patches": list(RADII),
    "eps_colour_variance": EPS,
    "masks": "above half of the mask, laid on the edges in the same way",
    "text": "by the picture's edges (guided filter, radii "
    f"{', '.join(f'{radius:g}' for radius in RADII)} patches, eps {EPS:g})",
}
"""The rule, as manifests state it."""
Values = NDArray[np.float64]


def refine(pixel_map: PixelMap, picture: Image.Image, patch: tuple[float, float]) -> PixelMap:
    """Lay a map on the edges of its picture (He, Sun, Tang, ECCV 2010).

    The map is locally a linear function of the colours: q = mean(a) . I + mean(b), where in each
    window a = (cov(I) + EPS)^-1 cov(I, p) and b = mean(p) - a . mean(I), for the map p and the
    picture I. The mean of q is taken over windows of all RADII: small ones follow fine edges, large
    ones reach edges that a map is far from. a and b are found where a patch has at most FINEST
    pixels a side, and used at the picture's own size. Values stay within the range of each map;
    what was not seen stays NaN.

    Args:
        pixel_map: (target, height, width), as of `to_pixels`.
        picture: The original picture, of the same size.
        patch: (height, width) of a patch on it, in pixels.
    """
    box = _seen_box(pixel_map.seen)
    if box is None:
        return pixel_map
    rows, columns = box
    values = np.asarray(pixel_map[..., rows, columns])
    low, high = (f(values, axis=(-2, -1), keepdims=True) for f in (np.min, np.max))
    cut = (columns.start, rows.start, columns.stop, rows.stop)
    guide = picture.convert("RGB").crop(cut)
    sides = tuple(zip(values.shape[-2:], patch, strict=True))
    size = tuple(min(side, max(1, round(side / of * FINEST))) for side, of in sides)
    colours = np.asarray(guide.resize((size[1], size[0]), Image.Resampling.BILINEAR)) / 255
    relevance = _resized(values - low, size).astype(np.float64)
    scale = [of * small / side for small, (side, of) in zip(size, sides, strict=True)]
    slopes, offset = _of_all_radii(np.moveaxis(colours, -1, 0), relevance, scale)
    refined = _resized(offset, values.shape[-2:])
    for number, band in enumerate(guide.split()):  # one at a time: a photograph's are large
        refined += _resized(slopes[:, number] / 255, values.shape[-2:]) * np.asarray(band)
    refined += low
    np.clip(refined, low, high, out=refined)
    found: PixelMap = pixel_map.copy()
    found[..., rows, columns] = refined
    return found


def _seen_box(seen: NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """The rectangle that was seen, None if nothing was."""
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _of_all_radii(guide: Values, values: Values, patch: list[float]) -> tuple[Values, Values]:
    """The mean over RADII of what `_coefficients` finds; a patch has so many pixels a side."""
    slopes = np.zeros((len(values), *guide.shape))
    offset = np.zeros_like(values)
    for radius in RADII:
        pixels = tuple(max(1, round(radius * side)) for side in patch)
        slope, constant = _coefficients(guide, values, pixels)
        slopes += slope / len(RADII)
        offset += constant / len(RADII)
    return slopes, offset


def _coefficients(guide: Values, values: Values, radius: tuple[int, ...]) -> tuple[Values, Values]:
    """Slopes (target, colour, row, column) and offsets (target, row, column), both smoothed."""
    from scipy import ndimage  # a map as it is needs none of it

    def mean(array: Values) -> Values:
        sides = (1,) * (array.ndim - 2) + tuple(2 * r + 1 for r in radius)
        return np.asarray(ndimage.uniform_filter(array, sides, mode="reflect"))

    centre, height = mean(guide), mean(values)
    spread = mean(guide[:, None] * guide[None]) - centre[:, None] * centre[None]
    spread += EPS * np.eye(len(guide))[..., None, None]
    common = mean(values[:, None] * guide[None]) - height[:, None] * centre[None]
    inverse = np.linalg.inv(np.moveaxis(spread, (0, 1), (-2, -1)))
    slopes = np.einsum("yxcd,tdyx->tcyx", inverse, common)
    return mean(slopes), mean(height - (slopes * centre[None]).sum(1))


def _resized(array: NDArray[Any], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Arrays (..., row, column) in another size, without aliasing."""
    flat = array.reshape(-1, *array.shape[-2:]).astype(np.float32)
    if array.shape[-2:] != tuple(size):
        across = (size[1], size[0])
        images = [Image.fromarray(one).resize(across, Image.Resampling.BILINEAR) for one in flat]
        flat = np.stack([np.asarray(one) for one in images])
    return flat.reshape(*array.shape[:-2], *size)
