"""Whatever pictures the user gives, ready for the model, and the way back to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..addresses import is_address
from ..errors import ModelError, PictureError
from ..transforms import pixels_in
from ..values import Classifier, Frame, Preparation, Transform, preparation_notes
from .bands import stretched
from .find import find_pictures
from .ready import Ready, far_note, prepare_picture

BATCH_DIMS: Final = 4
PIXELS: Final = ("pixel_values", "pixels", "images")  # what processors call a prepared tensor
PICTURE: Final = ("image", "img", "picture", "bytes")  # what a row of a data set calls its picture


@dataclass(frozen=True)
class Prepared:
    """Pictures ready for the model, and the way back to them.

    `preparation` is None where they were given prepared.
    """

    pixels: Tensor
    frames: tuple[Frame, ...]
    pictures: tuple[Image.Image, ...]
    sources: tuple[str, ...]
    preparation: Preparation | Transform | None = None
    notes: tuple[str, ...] = ()


def list_pictures(pictures: Any) -> list[Any]:
    """Each picture by itself, unopened: those of a folder, a pattern, a list or a tensor."""
    given = _unwrapped(pictures)
    if isinstance(given, Tensor) and not _is_raw(given):
        return list(given)
    return list(_items(given if isinstance(given, list) else [given]))


def prepare_pictures(classifier: Classifier, pictures: Any, first: int = 1) -> Prepared:
    """Open and prepare pictures as the model wants them; tensors are taken as they are.

    A picture is what `open_picture` opens, a folder or a pattern of files, a row of a data set
    (a mapping with an image, a tuple of image and label), a tensor of uint8 (channel, height,
    width); pixels that are prepared already are a
    tensor (batch, channel, height, width), a list of tensors, or what a processor gives. Those
    without a name are numbered from `first` on.
    """
    given = _unwrapped(pictures)
    if isinstance(given, Tensor) and not _is_raw(given):
        return _take(classifier, given, first)
    items = list(_items(given if isinstance(given, list) else [given]))
    if not items:
        raise PictureError("no picture was given.")
    if isinstance(items[0], Tensor):
        return _take(classifier, _stacked(items), first)
    preparation = classifier.preparation
    if preparation is None:
        raise ModelError(
            f"{classifier.name}: how it wants its pictures is not known; say it, "
            "preparation=agcam.Preparation((height, width), mean, std) or your own transform, or "
            "give them prepared, as a tensor (batch, channel, height, width)."
        )
    ready = [prepare_picture(item, preparation) for item in items]
    return Prepared(
        pixels=_batch(ready),
        frames=tuple(one.frame for one in ready),
        pictures=tuple(one.picture for one in ready),
        sources=tuple(_source(item, number) for number, item in enumerate(items, first)),
        preparation=preparation,
        notes=(*preparation_notes(preparation), *_each_once(ready)),
    )


def _unwrapped(given: Any) -> Any:
    """A mapping's tensor or picture; a row's picture; lists as lists."""
    if isinstance(given, Mapping):
        key = next((key for key in (*PIXELS, *PICTURE) if key in given), None)
        if key is None:
            raise PictureError(
                f"a mapping with {', '.join(map(str, given)) or 'nothing'} holds no "
                f"{' or '.join((PIXELS[0], PICTURE[0]))}; give the picture itself."
            )
        found = given[key]
        if key in PIXELS and isinstance(found, np.ndarray | list | Tensor):
            pixels = pixels_in(np.stack(found) if isinstance(found, list) else found, "the mapping")
            if _is_raw(pixels):
                raise PictureError(f"{key} of uint8 are not prepared; give the pictures instead.")
            return pixels
        return _unwrapped(found) if isinstance(found, Mapping) else found
    if _is_batch(given):
        return given[0]
    if isinstance(given, tuple) and len(given) == 2 and _is_label(given[1]):
        return given[0]
    return list(given) if isinstance(given, tuple) else given


def _is_label(value: Any) -> bool:
    """Whether this is a class number beside a picture, as data sets give them."""
    number = isinstance(value, int | np.integer) and not isinstance(value, bool)
    return number or (isinstance(value, Tensor) and value.ndim == 0)


def _is_batch(given: Any) -> bool:
    """Whether this is what a loader gives: a tensor of pictures, and their labels beside it."""
    return (
        isinstance(given, list | tuple)
        and len(given) == 2
        and all(isinstance(part, Tensor) for part in given)
        and given[0].ndim == BATCH_DIMS
        and given[1].ndim in {1, 2}
        and len(given[0]) == len(given[1])
    )


def _items(given: list[Any]) -> Iterator[Any]:
    """Each picture by itself; names of folders and patterns as the pictures they mean."""
    for item in given:
        one = _unwrapped(item)
        if _is_raw(one):
            yield from _arrays(one)
        elif isinstance(one, str | PathLike) and not is_address(str(one)):
            yield from find_pictures([Path(one)])
        else:
            yield one


def _is_raw(one: Any) -> bool:
    """Whether this is a picture of 8 bits in a tensor, as torchvision reads it; not prepared."""
    return isinstance(one, Tensor) and one.dtype == torch.uint8 and one.ndim in {3, BATCH_DIMS}


def _arrays(pictures: Tensor) -> Iterator[np.ndarray[Any, Any]]:
    """Tensors (channel, height, width), or some at once, as arrays (height, width, channel)."""
    first = pictures.shape[-3] in {1, 3, 4}
    turned = pictures.movedim(-3, -1) if first else pictures
    yield from (turned if turned.ndim == BATCH_DIMS else turned[None]).cpu().numpy()


def _stacked(items: list[Any]) -> Tensor:
    """A list of prepared pictures as one tensor."""
    if not all(isinstance(item, Tensor) for item in items):
        raise PictureError("the list holds tensors and other pictures; give either.")
    shapes = {tuple(item.shape) for item in items}
    if len(shapes) > 1 or items[0].ndim not in {3, BATCH_DIMS}:
        told = " and ".join(str(shape) for shape in sorted(shapes)[:2])
        raise PictureError(
            f"prepared pictures in a list are (channel, height, width) of one size, not {told}."
        )
    pixels: Tensor = torch.stack(items) if items[0].ndim == 3 else torch.cat(items)
    return pixels


def _batch(ready: list[Ready]) -> Tensor:
    shapes = {tuple(one.pixels.shape) for one in ready}
    if len(shapes) > 1:
        told = " and ".join(str(shape) for shape in sorted(shapes)[:2])
        raise PictureError(
            f"the transform gives pictures of several sizes, {told}; explain them one by one, or "
            "end it with one size."
        )
    return torch.stack([one.pixels for one in ready])


def _each_once(ready: list[Ready]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for one in ready for note in one.notes))


def _source(item: Any, number: int) -> str:
    named = str(item) if isinstance(item, str | PathLike) else getattr(item, "filename", "")
    named = named or getattr(item, "name", "")  # of an open file
    return named if isinstance(named, str) and named else f"picture-{number}"


OTHER_DIMS: Final = {
    BATCH_DIMS - 1: "; for one picture add the batch dimension: pixels[None]. Spectrograms (batch, "
    "time, frequency) are not explained.",
    BATCH_DIMS
    + 1: "; videos (batch, frame, channel, height, width) are not explained: give single "
    "frames to a model of pictures.",
}
"""What a tensor of another number of dimensions may be, and what helps."""


def _take(classifier: Classifier, pixels: Tensor, first: int) -> Prepared:
    if pixels.ndim != BATCH_DIMS or not pixels.numel():
        raise PictureError(
            f"a prepared tensor is (batch, channel, height, width), not {tuple(pixels.shape)}"
            + OTHER_DIMS.get(pixels.ndim, ".")
        )
    if pixels.shape[3] in {1, 3, 4} and pixels.shape[3] < min(pixels.shape[1:3]):
        raise PictureError(
            f"a prepared tensor is (batch, channel, height, width), not {tuple(pixels.shape)}; its "
            "channels are last: pixels.permute(0, 3, 1, 2)."
        )
    if not pixels.is_floating_point():
        raise PictureError("a prepared tensor is floating and normalized; give arrays as numpy.")
    if not bool(torch.isfinite(pixels).all()):
        raise PictureError("the prepared tensor holds NaN or infinite values.")
    height, width = pixels.shape[-2:]
    notes = far_note(pixels.detach(), classifier.preparation)
    known = None if notes else classifier.preparation
    return Prepared(
        pixels=pixels.detach(),
        frames=(Frame.whole(width, height),) * len(pixels),
        pictures=tuple(_show(picture, known) for picture in pixels.detach()),
        sources=tuple(f"picture-{number}" for number in range(first, first + len(pixels))),
        notes=notes,
    )


def _show(pixels: Tensor, preparation: Preparation | Transform | None) -> Image.Image:
    """A prepared tensor as a picture: normalization undone, or stretched where it is unknown."""
    values = pixels.float().cpu()
    channels = len(values)
    if preparation is None or preparation.channels != channels or channels not in {1, 3}:
        return stretched(values.permute(1, 2, 0).numpy())
    mean, std = (torch.tensor(v)[:, None, None] for v in (preparation.mean, preparation.std))
    shown = (values * std + mean).expand(3, -1, -1)
    return Image.fromarray((shown.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
