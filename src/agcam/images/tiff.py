"""TIFF files that are not photographs: many bands, stacks of pages, arrays in pages."""

from __future__ import annotations

import io
import json
import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from ..errors import PictureError

SIGNATURES: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
DESCRIPTION, SAMPLES, PHOTOMETRIC, EXTRA, BITS, FORMAT = 270, 277, 262, 338, 258, 339
UNSIGNED: Final = 1  # of the tag FORMAT: whole numbers from zero
BYTES: Final = 8  # of an array, for each pixel that a picture may have
THIN: Final = 16  # pages of fewer pixels are rows of an array, not pictures
ANIMATED: Final = ("GIF", "WEBP", "PNG", "AVIF")
GREYS: Final = (0, 1)  # of the tag PHOTOMETRIC: white is zero, black is zero


def bands_in(file: Any, name: str, max_pixels: int) -> NDArray[Any] | None:
    """The bands (height, width, band) of a TIFF that PIL would misread; None for photographs.

    Read with tifffile; PictureError names the package where it lacks. `file` is left anywhere.
    """
    shape = _shape(file)
    if shape is None:
        return None
    words = " x ".join(map(str, shape))
    try:
        import tifffile
    except ImportError:
        raise PictureError(
            f"{name} holds an array of {words}, not a photograph; to read it: "
            "pip install 'agcam[tiff]', or give it as an array (height, width, band)"
        ) from None
    try:
        file.seek(0)
        with tifffile.TiffFile(io.BytesIO(file.read())) as pages:
            series = pages.series[0]
            array = np.asarray(series.asarray()) if series.nbytes <= BYTES * max_pixels else None
    except Exception as error:  # readers of hostile bytes raise anything
        raise PictureError(f"{name} is damaged: its array of {words} cannot be read") from error
    if array is None:
        raise PictureError(f"{name} holds {series.nbytes:,} bytes, which is too large")
    return _bands_last(array, name)


def _shape(file: Any) -> tuple[int, ...] | None:
    """The shape of a file with bands, by its tags; None for what PIL reads, and for damaged ones.

    Photographs have one sample (grey), two (with alpha), three, or four (with alpha, or inks).
    Some writers spread an array over pages and state its shape, which PIL does not look at.
    """
    try:
        file.seek(0)
        header = file.read(8)
        if b"+" in header[2:4]:
            header += file.read(8)
        tags = TiffImagePlugin.ImageFileDirectory_v2(header)
        file.seek(tags.next)
        tags.load(file)
        width, height, samples = int(tags[256]), int(tags[257]), int(tags.get(SAMPLES, 1))
        grey, alpha = tags.get(PHOTOMETRIC) in GREYS, any(_all(tags.get(EXTRA, ())))
        bits, number = max(_all(tags.get(BITS, 1))), max(_all(tags.get(FORMAT, UNSIGNED)))
        stated = _stated(str(tags.get(DESCRIPTION, "")))
    except Exception:  # PIL will say what is wrong with it
        return None
    if stated is not None and math.prod(stated) > height * width * samples:
        return stated
    plain = samples == 1 or (samples == 2 and alpha) or (samples in {3, 4} and not grey)
    plain = plain and not (bits > 32 or (bits == 32 and (samples > 1 or number == UNSIGNED)))
    return None if plain else (height, width, samples)


def _all(value: Any) -> tuple[Any, ...]:
    """A tag's values, which PIL gives bare where there is one."""
    return value if isinstance(value, tuple) else (value,)


def _stated(description: str) -> tuple[int, ...] | None:
    """The shape that tifffile and others write down, for arrays that are spread over pages."""
    try:
        shape = json.loads(description)["shape"]
        return tuple(int(side) for side in shape)
    except (ValueError, KeyError, TypeError):
        return None


def _bands_last(array: NDArray[Any], name: str) -> NDArray[Any]:
    """(height, width, band): bands are the shortest of three sides, in front or behind."""
    array = array.squeeze()
    if array.ndim == 2:
        return array[:, :, None]
    if array.ndim != 3:
        raise PictureError(
            f"{name} holds an array of {' x '.join(map(str, array.shape))}, which is more "
            "than one picture; give one as an array (height, width, band)"
        )
    return array if array.shape[2] <= array.shape[0] else np.moveaxis(array, 0, 2)


def pages_note(image: Any, name: str) -> tuple[str, ...]:
    """A note on a file of several pages or frames, of which the first is taken.

    PictureError for many pages that are thinner than any picture.
    """
    try:
        if image.format in ANIMATED and getattr(image, "is_animated", False):
            return (f"{name} is an animation; its first frame is explained",)
        pages = int(getattr(image, "n_frames", 1))
    except Exception:  # a chain of pages that is cut: the first is whole
        return ()
    if image.format != "TIFF" or pages < 2:
        return ()
    width, height = image.size
    if min(width, height) <= THIN <= pages:
        raise PictureError(
            f"{name} has {pages} pages of {width} x {height} pixels, which is an array and not a "
            "picture; give it as one, (height, width, band)"
        )
    return (f"{name} has {pages} pages; the first one is explained",)
