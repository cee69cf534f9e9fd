"""Whatever pictures the user gives, ready for the model, and the way back to them."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import Any, Final

import torch
from PIL import Image
from torch import Tensor

from ..errors import ModelError, PictureError
from ..values import (
    PICTURE,
    Classifier,
    Clip,
    Frame,
    Medium,
    Preparation,
    Sound,
    SoundPreparation,
    Transform,
    preparation_notes,
)
from .arrays import MAX_PIXELS, stretched
from .checks import far_note, grey_note, refuse_units, unlike_note
from .decode import Wanted
from .geometry import prepare
from .given import BATCH_DIMS, items_in
from .open import open_any

OTHER_DIMS: Final = {
    BATCH_DIMS - 1: "; for one picture add the batch dimension: pixels[None]. Spectrograms (batch, "
    "time, frequency) are not explained.",
    BATCH_DIMS + 1: "; clips (batch, frame, channel, height, width) are for agcam.explain alone.",
}
"""What a tensor of another number of dimensions may be, and what helps."""


@dataclass(frozen=True)
class Prepared:
    """Pictures ready for the model, and the way back to them.

    `pixels` are (batch, channel, height, width). `frames`, `pictures` (as they are shown, upright)
    and `sources` (what messages call them) have one entry for each. `preparation` is None where
    the pixels were given prepared. Of clips, pixels are (batch, frame, channel, height, width), the
    `frames` and `pictures` those of a single frame, and `clips` have them all. Of sounds they are
    spectrograms (batch, time, frequency), and `pictures` show those. `notes` are of all pictures,
    `own_notes` those of them that are of one, for each.
    """

    pixels: Tensor
    frames: tuple[Frame, ...]
    pictures: tuple[Image.Image, ...]
    sources: tuple[str, ...]
    preparation: Preparation | Transform | SoundPreparation | None = None
    notes: tuple[str, ...] = ()
    own_notes: tuple[tuple[str, ...], ...] = ()
    clips: tuple[Clip, ...] = ()
    sounds: tuple[Sound, ...] = ()
    medium: Medium = PICTURE


def prepare_pictures(classifier: Classifier, pictures: Any, first: int = 1) -> Prepared:
    """Open and prepare pictures as the model expects them; prepared tensors are taken as they are.

    Args:
        classifier: The model, and how it expects its pictures.
        pictures: One or a list of: what `open_picture` opens, a folder or a pattern of files, a
            row of a data set (a mapping with an image, a tuple of image and label), a tensor of
            uint8 (channel, height, width). Or pixels that are prepared already: a tensor (batch,
            channel, height, width), a list of tensors, or what a processor returns.
        first: The number of the first picture; those without a name are numbered from there on.

    Raises:
        ModelError: The model's preparation of pictures is not known.
        PictureError: One of them cannot be opened or prepared.
    """
    if not classifier.medium.still:
        raise ModelError(
            f"{classifier.name} takes a {classifier.medium.name}, not a picture; only "
            "agcam.explain explains it."
        )
    items = items_in(pictures)
    if isinstance(items, Tensor):
        return _take(classifier, items, first)
    if not items:
        raise PictureError("no picture was given.")
    if isinstance(items[0], Tensor):
        return _take(classifier, _stacked(items), first)
    preparation = classifier.preparation
    if preparation is None:
        raise ModelError(
            f"{classifier.name}: its preparation of pictures is not known; state it: "
            "preparation=agcam.Preparation((height, width), mean, std) or your own transform, or "
            "give them prepared, as a tensor (batch, channel, height, width)."
        )
    every = [
        prepare_picture(item, preparation, source=source_of(item, number))
        for number, item in enumerate(items, first)
    ]
    return Prepared(
        pixels=_joined([one.pixels for one in every]),
        frames=tuple(one.frames[0] for one in every),
        pictures=tuple(one.pictures[0] for one in every),
        sources=tuple(one.sources[0] for one in every),
        preparation=preparation,
        notes=tuple(dict.fromkeys(note for one in every for note in one.notes)),
        own_notes=tuple(one.notes for one in every),
    )


def prepare_picture(
    given: Any,
    preparation: Preparation | Transform,
    *,
    source: str = "picture-1",
    max_pixels: int = MAX_PIXELS,
) -> Prepared:
    """One picture: opened, upright, in the model's channels, prepared, and checked.

    Args:
        given: What `open_picture` opens, or an array with as many bands as the model takes.
        preparation: How the model expects it.
        source: What messages call it.
        max_pixels: A file of more is refused.

    Raises:
        PictureError: One sentence that names the picture and the cause.
    """
    channels = 3 if isinstance(preparation, Transform) else preparation.channels
    opened = open_any(given, Wanted(channels, preparation.value_range, max_pixels))
    if opened.bands is None and channels not in {1, 3}:
        raise PictureError(
            f"the model takes {channels} channels, and the picture has 3; give an array (height, "
            f"width, {channels})"
        )
    if opened.bands is None and isinstance(preparation, Preparation):
        refuse_units(preparation)
    shown = opened.picture
    pixels, frame = prepare(shown if opened.bands is None else opened.bands, preparation)
    notes = opened.notes
    if isinstance(preparation, Transform):
        notes += unlike_note(pixels, shown, frame)
    elif opened.bands is not None:
        notes += far_note(pixels, preparation)
    elif channels == 1:
        notes += grey_note(shown)
    notes = (*preparation_notes(preparation), *notes)
    return Prepared(pixels[None], (frame,), (shown,), (source,), preparation, notes)


def source_of(item: Any, number: int) -> str:
    """What messages call a picture."""
    named = str(item) if isinstance(item, str | PathLike) else getattr(item, "filename", "")
    named = named or getattr(item, "name", "")  # of an open file
    return named if isinstance(named, str) and named else f"picture-{number}"


def _joined(pixels: list[Tensor]) -> Tensor:
    shapes = {tuple(one.shape[1:]) for one in pixels}
    if len(shapes) > 1:
        raise PictureError(
            f"the transform gives pictures of several sizes, {_two_of(shapes)}; explain them one "
            "by one, or end it with one size."
        )
    return torch.cat(pixels)


def _stacked(items: list[Any]) -> Tensor:
    """A list of prepared pictures as one tensor."""
    if not all(isinstance(item, Tensor) for item in items):
        raise PictureError("the list holds tensors and other pictures; give either.")
    shapes = {tuple(item.shape) for item in items}
    if len(shapes) > 1 or items[0].ndim not in {BATCH_DIMS - 1, BATCH_DIMS}:
        raise PictureError(
            "prepared pictures in a list are (channel, height, width) of one size, not "
            f"{_two_of(shapes)}."
        )
    return torch.cat(items) if items[0].ndim == BATCH_DIMS else torch.stack(items)


def _two_of(shapes: set[tuple[int, ...]]) -> str:
    return " and ".join(str(shape) for shape in sorted(shapes)[:2])


def _take(classifier: Classifier, pixels: Tensor, first: int) -> Prepared:
    """Pixels that the user prepared."""
    pixels = pixels.detach()
    _check(pixels)
    height, width = pixels.shape[-2:]
    notes = far_note(pixels, classifier.preparation)
    known = None if notes else classifier.preparation
    return Prepared(
        pixels=pixels,
        frames=(Frame.whole(width, height),) * len(pixels),
        pictures=tuple(shown(picture, known) for picture in pixels),
        sources=tuple(f"picture-{number}" for number in range(first, first + len(pixels))),
        notes=notes,
    )


def _check(pixels: Tensor) -> None:
    wanted = "a prepared tensor is (batch, channel, height, width), not"
    if pixels.ndim != BATCH_DIMS or not pixels.numel():
        hint = OTHER_DIMS.get(pixels.ndim, ".")
        raise PictureError(f"{wanted} {tuple(pixels.shape)}{hint}")
    if pixels.shape[3] in {1, 3, 4} and pixels.shape[3] < min(pixels.shape[1:3]):
        raise PictureError(
            f"{wanted} {tuple(pixels.shape)}; its channels are last: pixels.permute(0, 3, 1, 2)."
        )
    check_numbers(pixels)


def check_numbers(pixels: Tensor) -> None:
    """PictureError for a prepared tensor of integers, or of numbers that are not finite."""
    if not pixels.is_floating_point():
        raise PictureError("a prepared tensor is floating and normalized; give arrays as numpy.")
    if not bool(torch.isfinite(pixels).all()):
        raise PictureError("the prepared tensor holds NaN or infinite values.")


def shown(pixels: Tensor, preparation: Preparation | Transform | None) -> Image.Image:
    """A prepared tensor as a picture: normalization undone, or stretched where it is unknown."""
    values = pixels.float().cpu()
    channels = len(values)
    if preparation is None or preparation.channels != channels or channels not in {1, 3}:
        return stretched(values.permute(1, 2, 0).numpy())
    mean, std = (torch.tensor(v)[:, None, None] for v in (preparation.mean, preparation.std))
    shown = (values * std + mean).expand(3, -1, -1)
    return Image.fromarray((shown.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy())
