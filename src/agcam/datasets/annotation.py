"""What a file states of one sample, checked against the picture itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..addresses import MOST_BYTES, Place, open_file
from ..errors import AgcamError, DataSetError
from ..orientation import upright_size
from ..values import Part, Sample, Truth

FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
INCLUSIVE: Final = np.array([0, 0, 1, 1])  # added where right and bottom are the last pixel
MOST_PIXELS: Final = 2**28  # of a picture, whose masks are held in memory
_ROUNDING = 1e-6  # of a side that was a share of its picture
_SLACK = 1.0  # pixels that a box may reach beyond the picture: rounding, or counting from 1


@dataclass(frozen=True)
class Annotation:
    """Boxes, mask and parts of a sample, as `values.Truth` has them but not yet checked.

    `size` is (width, height) of the picture as the file states it; None, or 0, is not stated.
    """

    boxes: Any = ()
    mask: NDArray[Any] | None = None
    size: tuple[int, int] | None = None
    parts: Sequence[Part] = ()


def no_annotation(sample: Sample) -> Annotation:
    """That of a layout without boxes and masks."""
    del sample
    return Annotation()


def check(sample: Sample, annotation: Annotation) -> Truth:
    """Check an annotation against its picture; a box up to one pixel beyond the picture is cut.

    Raises:
        DataSetError: A box lies farther out, or is inverted or empty; the picture has another size
            than the annotation states, or the mask another than the picture.
    """
    width, height = picture_size(sample.address)
    size, mask = annotation.size, annotation.mask
    if size is not None and all(size) and size != (width, height):
        raise DataSetError(
            f"{sample.name}: its annotation is of a picture of {size[0]} x {size[1]} pixels, "
            f"but the picture has {width} x {height} (after EXIF rotation)"
        )
    for one in (mask, *(part.mask for part in annotation.parts)):
        if one is not None and one.shape != (height, width):
            raise DataSetError(
                f"{sample.name}: its mask has {one.shape[1]} x {one.shape[0]} pixels, the picture "
                f"{width} x {height}"
            )
    boxes = _check_boxes(annotation.boxes, width, height, sample.name)
    return Truth(boxes, mask, tuple(annotation.parts))


def _check_boxes(boxes: Any, width: int, height: int, name: str) -> NDArray[np.float64]:
    checked = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    limits = np.array([width, height, width, height])
    for box in checked:
        sides = "left, top, right, bottom = " + ", ".join(f"{side:g}" for side in box)
        if not np.isfinite(box).all():
            raise DataSetError(f"{name}: a box has a side that is not finite: {sides}")
        if box[0] >= box[2] or box[1] >= box[3]:
            raise DataSetError(f"{name}: a box is inverted or empty: {sides}")
        if (box < -_SLACK).any() or (box > limits + _SLACK).any():
            raise DataSetError(
                f"{name}: a box lies outside its picture of {width} x {height} pixels: {sides}"
            )
        if (box >= 0).all() and (box <= 1).all() and (abs(box - box.round()) > _ROUNDING).any():
            raise DataSetError(
                f"{name}: a box lies within the first pixel of its picture of {width} x {height}, "
                f"as shares of it do; its sides are to be pixels: {sides}"
            )
    cut = checked.clip(0, limits)
    if ((cut[:, :2] >= cut[:, 2:]).any(axis=1)).any():
        raise DataSetError(f"{name}: a box covers no pixel of its picture of {width} x {height}")
    return np.asarray(cut)


def picture_size(address: str) -> tuple[int, int]:
    """(width, height) of a picture after EXIF rotation, from its header. Raises DataSetError."""
    with _opened(address) as image:
        return upright_size(image)


def read_mask(address: str) -> NDArray[Any]:
    """A picture of one number per pixel (palette or grey), (height, width). Raises DataSetError."""
    with _opened(address) as image:
        if image.mode not in {"1", "L", "P", "I", "I;16"}:
            raise DataSetError(f"{address} is not a mask: it has colours ({image.mode})")
        return np.array(image).astype(np.int32)


def read_colours(address: str) -> NDArray[np.uint8]:
    """A picture's red, green and blue, (height, width, 3). Raises DataSetError."""
    with _opened(address) as image:
        if image.mode not in {"RGB", "RGBA"}:
            raise DataSetError(
                f"{address} has no colours ({image.mode}), which state what is where"
            )
        return np.array(image)[..., :3]


def read_painted(address: str) -> NDArray[np.uint8]:
    """A mask's colours, (height, width, 3), a palette's too; of one in grey its values.

    Raises DataSetError.
    """
    with _opened(address) as image:
        painted = image if image.mode in {"L", "1"} else image.convert("RGB")
        return np.array(painted)


@contextmanager
def _opened(address: str) -> Iterator[Image.Image]:
    with reading(address), open_file(address) as file, Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise DataSetError(
                f"{address} states that it has {image.width} x {image.height} pixels"
            )
        yield image


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read into one DataSetError that names it."""
    try:
        yield
    except AgcamError:
        raise
    except FileNotFoundError:
        raise DataSetError(f"{what} does not exist") from None
    except Exception as error:  # parsers of broken files raise anything
        raise DataSetError(f"{what} cannot be read: {_reason(error)}") from error


def numbered_lines(place: Place, name: str, most: int = MOST_BYTES) -> list[tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1. Raises DataSetError."""
    with reading(place.at(name)):
        lines = place.lines(name, most)
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnidentifiedImageError):  # whose message holds an object's address
        return "it is not a picture of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without the file's name, which is in the message already
    return str(error) or type(error).__name__
