"""What every reader shares: classes, boxes that were checked, masks, and errors that help."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from ..addresses import Place, is_address, open_file
from ..errors import AgcamError, DataSetError
from ..values import DataSet, Reader, Sample, Truth
from .checked import repeated

PICTURES: Final = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")
FORMATS: Final = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
INCLUSIVE: Final = np.array([0, 0, 1, 1])  # where right and bottom are the last pixel
NO_BOXES: Final = np.zeros((0, 4))
SYNSET: Final = re.compile(r"n\d{8}(?!\d)")
MOST_PIXELS: Final = 2**28  # of a picture, whose masks are held in memory
_SLACK = 1.0  # pixels that a box may reach beyond the picture: rounding, or counting from 1
_TURNED = {5, 6, 7, 8}  # EXIF orientations that swap width and height
_ORIENTATION = 0x0112


def reader(name: str, read: Callable[[str], DataSet], layout: str, cite: str) -> Reader:
    """A row of the table: `read` with any failure told as a DataSetError that names the root."""

    @wraps(read)
    def guarded(root: str) -> DataSet:
        address = str(root)
        if not is_address(address):  # samples' addresses must hold in other processes
            address = str(Path(address).expanduser().absolute())
        with reading(address):
            return _checked_set(read(address))

    return Reader(name, guarded, layout, cite)


def _checked_set(data: DataSet) -> DataSet:
    """Each name once; a sample with a problem has no truth."""
    twice = repeated(sample.name for sample in data.samples)
    samples: dict[str, Sample] = {}
    for sample in data.samples:
        known = samples.setdefault(sample.name, sample)
        if sample.name in twice and not known.problem:
            samples[sample.name] = replace(known, problem=f"{sample.name} is there twice")
    truth = partial(_truth_of_sound, read=data.truth)
    return replace(data, samples=tuple(samples.values()), truth=truth)


def _truth_of_sound(sample: Sample, *, read: Callable[[Sample], Truth]) -> Truth:
    if sample.problem:
        raise DataSetError(sample.problem)
    return read(sample)


def bad(name: str, problem: object, address: str = "") -> Sample:
    """A sample that cannot be judged, and why: what is wrong in a data set is never left out."""
    return Sample(name, address, 0, str(problem))


def passed_over(place: Place, folder: str, passed: Mapping[str, str]) -> list[Sample]:
    """A bad sample for each folder that was not read."""
    base = place.folder(folder)
    return [
        bad(f"{name}/", f"the folder {base.at(name)} was not read: {why}")
        for name, why in sorted(passed.items())
    ]


class Classes:
    """The classes of a data set while it is read: known ones first, in the order given.

    A label that is not among them becomes a class of its own behind them, so that its samples
    are kept, match no class of a model, and fail one by one, each with its reason. Classes of one
    name are told apart by their numbers, so that none of them matches by that name.
    """

    def __init__(self, names: Iterable[Sequence[str]]) -> None:
        listed = [tuple(known) for known in names]
        twice = repeated(known[0] for known in listed)
        self.names = [
            (f"{known[0]} (class {label})", *known[1:]) if known[0] in twice else known
            for label, known in enumerate(listed)
        ]
        self.known = len(self.names)
        self._labels = {known[0]: label for label, known in enumerate(self.names)}

    def label(self, first_name: str) -> int:
        """The label of a class by its first name (its synset where it has one)."""
        if first_name not in self._labels:
            self._labels[first_name] = len(self.names)
            self.names.append((first_name,))
        return self._labels[first_name]


def require_known(sample: Sample, known: int, names: Sequence[Sequence[str]]) -> None:
    """Raise DataSetError for a sample whose label is not among the `known` classes."""
    if sample.label >= known:
        raise DataSetError(
            f"{sample.name}: {names[sample.label][0]!r} is no class of this data set"
        )


def wrong_layout(place: Place, layout: str, missing: str) -> DataSetError:
    """The error for a folder of another layout: what must lie there, and what was found."""
    return DataSetError(
        f"{place.root}: {missing} is missing. What must lie there: {layout}. "
        f"Found: {_found(place)}."
    )


def _found(place: Place) -> str:
    try:
        found = place.contents()
    except OSError as error:
        return f"it could not be listed: {error}"
    if not found and not place.has(""):
        return "no such folder"
    if not found and place.root.lower().endswith(".zip") and "::" not in place.root:
        return f"a zip file, which is read as zip::{place.root}"
    more = f" and {len(found) - 6} more" if len(found) > 6 else ""
    return ", ".join(found[:6]) + more or "nothing"


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn what goes wrong while an annotation is read into one DataSetError that names it."""
    try:
        yield
    except AgcamError:
        raise
    except FileNotFoundError:
        raise DataSetError(f"{what} does not exist") from None
    except Exception as error:  # parsers of broken files raise anything
        raise DataSetError(f"{what} cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnidentifiedImageError):  # whose own words hold an object's address
        return "it is no picture of a known format"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror  # without the file's name, which is told already
    return str(error) or type(error).__name__


def picture_size(address: str) -> tuple[int, int]:
    """(width, height) of a picture after EXIF rotation, from its header. Raises DataSetError."""
    with reading(address), open_file(address) as file, Image.open(file, formats=FORMATS) as image:
        width, height = image.size
        turned = _orientation(image) in _TURNED
    if width * height > MOST_PIXELS:
        raise DataSetError(f"{address} says that it has {width} x {height} pixels")
    return (height, width) if turned else (width, height)


def _orientation(image: Image.Image) -> Any:
    try:
        return image.getexif().get(_ORIENTATION)
    except Exception:  # broken metadata does not spoil whole pixels
        return None


def sized(sample: Sample, stated: tuple[int, int] | None = None) -> tuple[int, int]:
    """(width, height) of a sample's picture. Raises DataSetError if it was stated to be another."""
    width, height = picture_size(sample.address)
    if stated is not None and all(stated) and stated != (width, height):
        raise DataSetError(
            f"{sample.name}: its annotation is of a picture of {stated[0]} x {stated[1]} pixels, "
            f"but the picture has {width} x {height} (after EXIF rotation)"
        )
    return width, height


def truth_of(
    sample: Sample,
    boxes: Any,
    *,
    stated: tuple[int, int] | None = None,
    mask: NDArray[Any] | None = None,
) -> Truth:
    """Boxes and mask of a sample, checked against the picture itself.

    A box may reach one pixel beyond the picture, and is cut; one farther out, an inverted or empty
    one, a picture of another size than `stated` (width, height; 0 is not stated), and a mask of
    another size are DataSetErrors that name the sample.
    """
    width, height = sized(sample, stated)
    if mask is not None and mask.shape != (height, width):
        raise DataSetError(
            f"{sample.name}: its mask has {mask.shape[1]} x {mask.shape[0]} pixels, the picture "
            f"{width} x {height}"
        )
    return Truth(_checked(boxes, width, height, sample.name), mask)


def _checked(boxes: Any, width: int, height: int, name: str) -> NDArray[np.float64]:
    checked = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    limits = np.array([width, height, width, height])
    for box in checked:
        told = "left, top, right, bottom = " + ", ".join(f"{side:g}" for side in box)
        if not np.isfinite(box).all():
            raise DataSetError(f"{name}: a box is not of numbers: {told}")
        if box[0] >= box[2] or box[1] >= box[3]:
            raise DataSetError(f"{name}: a box is inverted or empty: {told}")
        if (box < -_SLACK).any() or (box > limits + _SLACK).any():
            raise DataSetError(
                f"{name}: a box lies outside its picture of {width} x {height} pixels: {told}"
            )
    cut = checked.clip(0, limits)
    if ((cut[:, :2] >= cut[:, 2:]).any(axis=1)).any():
        raise DataSetError(f"{name}: a box has no pixel of its picture of {width} x {height}")
    return np.asarray(cut)


def read_mask(address: str) -> NDArray[Any]:
    """A picture of one number a pixel (palette or grey), (height, width). Raises DataSetError."""
    with reading(address), open_file(address) as file, Image.open(file, formats=FORMATS) as image:
        if image.mode not in {"1", "L", "P", "I", "I;16"}:
            raise DataSetError(f"{address} is no mask: it has colours ({image.mode})")
        if image.width * image.height > MOST_PIXELS:
            raise DataSetError(f"{address} says that it has {image.width} x {image.height} pixels")
        return np.array(image).astype(np.int32)


def split_names(text: str) -> tuple[str, ...]:
    """Synonyms between commas."""
    return tuple(part for part in (piece.strip() for piece in text.split(",")) if part)
