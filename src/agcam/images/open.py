"""From whatever the user names to an upright RGB picture, or one sentence that says why not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from ..addresses import is_address, open_file
from ..errors import PictureError
from .arrays import MAX_PIXELS, from_array, to_8_bits

# Photographs and their kin. Formats that PIL reads by running other programs (EPS), or that have no
# signature (TGA takes any text file for a picture), are left out on purpose.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000")
_TURN = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112  # the EXIF tag


def open_picture(
    source: str | Path | bytes | Image.Image | np.ndarray[Any, Any], *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Open a file, its bytes, an fsspec address, a PIL picture or an array: an upright RGB copy.

    EXIF rotation is applied; alpha is composited over white; 16-bit, 32-bit and float greys are
    scaled by the full range of their type; of an animation the first frame is taken (of a given
    PIL picture, the frame where it stands). Arrays are (height, width[, 3 or 4]), uint8 or floats
    in [0, 1]. What is given is never changed or closed. `max_pixels` bounds files and PIL pictures.
    Raises PictureError, one sentence that names the file and the cause.
    """
    if isinstance(source, Image.Image):
        name = str(getattr(source, "filename", "")) or "the picture"
        return _decode(source, name, max_pixels)
    if isinstance(source, bytes):
        return _open_bytes(source, max_pixels)
    if isinstance(source, np.ndarray):
        return _to_rgb(from_array(source), "the array")
    if isinstance(source, str) and is_address(source):
        return _open_address(source, max_pixels)
    if isinstance(source, (str, Path)):
        return _open_file(Path(source), max_pixels)
    raise PictureError(
        f"a {type(source).__name__} is not a picture; give a path, a PIL image or an array of "
        "shape (height, width, 3)"
    )


class _Watched(io.BufferedReader):
    """A file that remembers being read past its end, which a whole picture never is.

    PIL raises on a truncated file unless some library of this process has set
    ImageFile.LOAD_TRUNCATED_IMAGES; then it would hand out a half-grey picture in silence.
    """

    exhausted = False

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data and size != 0:
            self.exhausted = True
        return data


def _open_bytes(data: bytes, max_pixels: int) -> Image.Image:
    with _Watched(cast(io.RawIOBase, io.BytesIO(data))) as file:
        return _read(file, "the picture", max_pixels)


def _open_file(path: Path, max_pixels: int) -> Image.Image:
    try:
        if path.is_dir():
            raise PictureError(f"{path} is a folder, not a picture")
        if path.exists() and not path.is_file():
            raise PictureError(f"{path} is not a regular file")
        with _Watched(io.FileIO(path)) as file:
            return _read(file, str(path), max_pixels)
    except FileNotFoundError:
        raise PictureError(f"{path} does not exist") from None
    except PermissionError:
        raise PictureError(f"{path} may not be read: permission denied") from None
    except OSError as error:
        raise PictureError(f"{path} could not be opened: {error.strerror or error}") from error
    except ValueError as error:
        if isinstance(error, PictureError):
            raise
        raise PictureError(f"{str(path)!r} is not a file name: {error}") from error


def _open_address(address: str, max_pixels: int) -> Image.Image:
    try:
        # Remote files are no raw files, but they have all that a buffered reader asks of one.
        with open_file(address) as raw, _Watched(raw) as file:  # type: ignore[arg-type]
            return _read(file, address, max_pixels)
    except FileNotFoundError:
        raise PictureError(f"{address} does not exist") from None
    except (OSError, ImportError) as error:
        raise PictureError(f"{address} could not be opened: {error}") from error


def _read(file: _Watched, name: str, max_pixels: int) -> Image.Image:
    if not file.peek(1):
        raise PictureError(f"{name} is empty")
    return _decode(_recognise(file, name), name, max_pixels, file)


def _recognise(file: _Watched, path: str) -> Image.Image:
    """Read the header only.

    Image.open is not used: it warns about large pictures, and the warning can be silenced only for
    all threads at once; here the size is checked in `_decode` instead.
    """
    prefix = file.read(16)
    for learn in (Image.preinit, Image.init):  # the common formats first: all take 0.15 s to import
        learn()
        for name in _FORMATS:
            factory, accept = Image.OPEN.get(name, (None, None))
            if factory is None or (accept is not None and accept(prefix) is not True):
                continue  # a str instead of True says that PIL was built without this format
            try:
                file.seek(0)
                return factory(file, "")
            except Exception as error:  # decoders of hostile bytes raise anything
                raise PictureError(f"{path} is damaged: {_reason(error)}") from error
    if not prefix.strip(b"\0"):
        raise PictureError(f"{path} is damaged: it begins with zeros")
    known = ", ".join(_FORMATS)
    raise PictureError(f"{path} is not a picture of a known format ({known}), whatever its name")


def _decode(
    image: Image.Image, name: str, max_pixels: int, file: _Watched | None = None
) -> Image.Image:
    """Check the size, load the pixels, turn them upright, bring them to RGB; always a new image."""
    width, height = image.size
    if width * height > max_pixels:
        raise PictureError(
            f"{name} has {width} x {height} pixels, more than {max_pixels:,}; make it smaller first"
        )
    if width * height == 0:
        raise PictureError(f"{name} has no pixels ({width} x {height})")
    try:
        if file is not None:
            file.exhausted = False  # looking for metadata may have read to the end
        image.load()
        # JPEG 2000 is always read past its end; PIL itself notices when that is cut short.
        whole = file is None or not file.exhausted or image.format == "JPEG2000"
        rgb = _to_rgb(_upright(image), name)
    except PictureError:
        raise
    except MemoryError:
        raise PictureError(f"{name} ({width} x {height}) does not fit into memory") from None
    except Exception as error:  # decoders of hostile bytes raise anything
        raise PictureError(f"{name} is truncated or damaged: {_reason(error)}") from error
    if not whole:
        raise PictureError(f"{name} is truncated: its last pixels are missing")
    return rgb


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".").split("\n")[0]


def _upright(image: Image.Image) -> Image.Image:
    try:
        orientation = image.getexif().get(_ORIENTATION)
    except Exception:  # broken metadata does not spoil whole pixels
        return image
    turn = _TURN.get(orientation) if isinstance(orientation, int) else None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image = to_8_bits(image, name)
    elif image.mode in {"La", "RGBa"}:
        image = image.convert(image.mode.upper())  # undo premultiplied alpha
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.copy() if image.mode == "RGB" else image.convert("RGB")
