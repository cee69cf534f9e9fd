"""From an open file or a PIL picture to upright RGB pixels, whatever the bytes hold."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..errors import PictureError
from ..orientation import upright
from .arrays import FEWER, MAX_PIXELS, Span, from_array, numbers_of, stretched, to_8_bits
from .dicom import is_dicom, read_dicom
from .tiff import SIGNATURES, bands_in, pages_note

# Photographs and their kin. Formats that PIL reads by running other programs (EPS), or that have no
# signature (TGA takes any text file for a picture), are missing on purpose.
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF", "JPEG2000")


@dataclass(frozen=True)
class Opened:
    """A picture as it is shown, RGB; its bands (height, width, band) where it has others; notes."""

    picture: Image.Image
    bands: NDArray[Any] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a picture: its channels, a stated range of values, the most pixels."""

    channels: int = 3
    span: Span | None = None
    max_pixels: int = MAX_PIXELS


class Watched(io.BufferedReader):
    """A file that remembers being read past its end, which a whole picture never is.

    PIL raises on a truncated file unless some library of this process has set
    ImageFile.LOAD_TRUNCATED_IMAGES; then it would hand out a half-grey picture in silence.
    """

    exhausted = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on, and remember the end."""
        data = super().read(size)
        if not data and size != 0:
            self.exhausted = True
        return data


def read(file: Watched, name: str, wanted: Wanted) -> Opened:
    """An open file's picture; `name` is for messages. Raises PictureError."""
    if not file.peek(1):
        raise PictureError(f"{name} is empty")
    head = file.read(132)
    file.seek(0)
    if is_dicom(head):
        picture, notes = read_dicom(file, name, wanted.max_pixels, wanted.span)
        return Opened(picture, notes=notes)
    if head.startswith(SIGNATURES):
        bands = bands_in(file, name, wanted.max_pixels)
        if bands is not None and bands.shape[2] in {1, 3}:
            return Opened(to_rgb(from_array(bands, wanted.span, name), name, None)[0])
        if bands is not None:
            return of_bands(bands, name, wanted)
    file.seek(0)
    return decode(_recognise(file, name), name, wanted, file)


def _recognise(file: Watched, path: str) -> Image.Image:
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


def decode(image: Image.Image, name: str, wanted: Wanted, file: Watched | None = None) -> Opened:
    """Check the size, load the pixels, turn them upright, bring them to RGB; always a new image."""
    width, height = image.size
    if width * height > wanted.max_pixels:
        raise PictureError(
            f"{name} has {width} x {height} pixels, more than {wanted.max_pixels:,}; make it "
            "smaller first"
        )
    if width * height == 0:
        raise PictureError(f"{name} has no pixels ({width} x {height})")
    try:
        if file is not None:
            file.exhausted = False  # looking for metadata may have read to the end
        deep = _is_deep(image)
        image.load()
        # JPEG 2000 is always read past its end; PIL itself notices when that is cut short.
        whole = file is None or not file.exhausted or image.format == "JPEG2000"
        turned = upright(image)
        bands = _own_bands(turned, wanted)
        rgb, notes = to_rgb(turned, name, wanted.span)
        notes += _dark(rgb, name) if deep else ()
    except PictureError:
        raise
    except MemoryError:
        raise PictureError(f"{name} ({width} x {height}) does not fit into memory") from None
    except Exception as error:  # decoders of hostile bytes raise anything
        raise PictureError(f"{name} is truncated or damaged: {_reason(error)}") from error
    if not whole:
        raise PictureError(f"{name} is truncated: its last pixels are missing")
    return Opened(rgb, bands, (*notes, *(pages_note(image, name) if file is not None else ())))


def _own_bands(image: Image.Image, wanted: Wanted) -> NDArray[Any] | None:
    """All bands of a picture with alpha or four inks, for a model that takes as many."""
    if wanted.channels in {1, 3} or len(image.getbands()) != wanted.channels:
        return None
    return numbers_of(np.asarray(image), "the picture", wanted.span)


def _is_deep(image: Image.Image) -> bool:
    """Whether colours have 16 bits, of which PIL keeps the upper 8."""
    return image.mode in {"RGB", "RGBA"} and ";16" in str(getattr(image, "tile", ""))


def _dark(rgb: Image.Image, name: str) -> tuple[str, ...]:
    """A note on colours of 16 bits that hold fewer; their range cannot be stated any more."""
    brightest = max(high for _, high in cast(Any, rgb.getextrema()))
    if brightest >= 2 ** (FEWER - 8):
        return ()
    return (
        f"{name} has colours of 16 bits that hold only the low {8 + brightest.bit_length()} or "
        "fewer, so it was seen nearly black; if that is not meant, give it as an array of floats "
        "within 0 ... 1",
    )


def _reason(error: Exception) -> str:
    return (str(error) or type(error).__name__).strip().rstrip(".").split("\n")[0]


def to_rgb(image: Image.Image, name: str, span: Span | None) -> tuple[Image.Image, tuple[str, ...]]:
    """RGB over white, a new picture always; deep greys are scaled, with a note if need be."""
    notes: tuple[str, ...] = ()
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        image, notes = to_8_bits(image, name, span)
    elif image.mode in {"La", "RGBa"}:
        image = image.convert(image.mode.upper())  # undo premultiplied alpha
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.copy() if image.mode == "RGB" else image.convert("RGB"), notes


def of_bands(array: NDArray[Any], name: str, wanted: Wanted) -> Opened:
    """An array of bands, for a model that takes as many."""
    bands = array.shape[2]
    if bands != wanted.channels:
        raise PictureError(
            f"{name} has {bands} bands (or pages), and the model takes {wanted.channels}; give "
            "those that it was trained on as an array, such as array[..., [3, 2, 1]]"
        )
    if array.shape[0] * array.shape[1] > wanted.max_pixels or not array.size:
        raise PictureError(f"{name} has no pixels, or more than {wanted.max_pixels:,}")
    numbers = numbers_of(array, name, wanted.span)
    return Opened(stretched(numbers), numbers)
