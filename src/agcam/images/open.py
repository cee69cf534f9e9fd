"""Open files, addresses, bytes and arrays as upright RGB pictures, or refuse in one sentence."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..addresses import is_address, open_file
from ..errors import PictureError
from ..wording import printable
from .arrays import MAX_PIXELS, Span, from_array
from .decode import Opened, Wanted, Watched, decode, of_bands, read, to_rgb
from .find import windows_hint


def open_picture(
    source: Any, *, max_pixels: int = MAX_PIXELS, value_range: Span | None = None
) -> Image.Image:
    """Open whatever holds one picture, as an upright RGB copy.

    EXIF rotation is applied; alpha is composited over white; 16-bit, 32-bit and float greys are
    scaled by the full range of their type; DICOM files are windowed; of an animation, a stack or a
    video the first frame is taken (of a given PIL picture, the frame where it stands).

    Args:
        source: A file, its bytes, an open file, an fsspec address, a PIL picture, or an array
            (height, width[, 1, 3 or 4]) of uint8, or of floats in [0, 1]. It is never changed or
            closed.
        max_pixels: Files and PIL pictures of more are refused.
        value_range: (darkest, brightest) of greys, DICOM and arrays of any numbers.

    Raises:
        PictureError: One sentence that names the file and the cause.
    """
    return open_any(source, Wanted(span=value_range, max_pixels=max_pixels)).picture


def open_any(source: Any, wanted: Wanted) -> Opened:
    """Open what `open_picture` opens, and what has as many bands as are wanted."""
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "")) or "the picture"
        return decode(source, printable(name), wanted)
    if isinstance(source, np.ndarray):
        return _open_array(source, wanted)
    if isinstance(source, (str, os.PathLike)):
        place = str(source)
        return (
            _open_address(place, wanted) if is_address(place) else _open_file(Path(place), wanted)
        )
    if callable(getattr(source, "read", None)):
        source = _contents(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _open_bytes(bytes(source), wanted)
    raise PictureError(
        f"a {type(source).__name__} is not a picture; give a path, a PIL image or an array of "
        "shape (height, width, 3)"
    )


def _open_array(array: NDArray[Any], wanted: Wanted) -> Opened:
    if array.ndim == 3 and array.shape[2] == wanted.channels and wanted.channels not in {1, 3}:
        return of_bands(array, "the array", wanted)
    return Opened(to_rgb(from_array(array, wanted.span), "the array", None)[0])


def _contents(file: Any) -> bytes:
    """All that an open file holds from where it stands, which it is put back to."""
    try:
        place = file.tell() if file.seekable() else None
        data = file.read()
        if place is not None:
            file.seek(place)
    except (OSError, ValueError, AttributeError) as error:
        raise PictureError(f"the open file cannot be read: {error}") from error
    if not isinstance(data, bytes):
        raise PictureError("the open file gives text; open it with mode 'rb'")
    if not data and place:
        raise PictureError("the open file stands at its end; file.seek(0) goes to its beginning")
    return data


def _open_bytes(data: bytes, wanted: Wanted) -> Opened:
    with Watched(cast(io.RawIOBase, io.BytesIO(data))) as file:
        return read(file, "the picture", wanted)


def _open_file(path: Path, wanted: Wanted) -> Opened:
    name = printable(path)
    try:
        if path.is_dir():
            readable = os.access(path, os.R_OK | os.X_OK)
            why = "not a picture" if readable else "which may not be read: permission denied"
            raise PictureError(f"{name} is a folder, {why}")
        if path.exists() and not path.is_file():
            raise PictureError(f"{name} is not a regular file")
        with Watched(io.FileIO(path)) as file:
            return read(file, name, wanted)
    except FileNotFoundError:
        raise PictureError(f"{name} does not exist{windows_hint(path)}") from None
    except PermissionError:
        raise PictureError(f"{name} may not be read: permission denied") from None
    except OSError as error:
        raise PictureError(f"{name} could not be opened: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"'{name}' is not a file name: {error}") from error


def _open_address(address: str, wanted: Wanted) -> Opened:
    try:
        # Remote files are not raw files, but they have all that a buffered reader asks of one.
        with open_file(address) as raw, Watched(cast(io.RawIOBase, raw)) as file:
            return read(file, printable(address), wanted)
    except FileNotFoundError:
        raise PictureError(f"{printable(address)} does not exist") from None
    except (OSError, ImportError) as error:
        raise PictureError(f"{printable(address)} could not be opened: {error}") from error
