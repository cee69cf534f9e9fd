"""Clips ready for a model: frames sampled, each prepared as a picture is, and the way back."""

from __future__ import annotations

from os import PathLike
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError, PictureError
from ..values import CLIP, CLIP_CHANNELS_FIRST, Classifier, Clip, Frame, Medium, preparation_notes
from .checks import far_note
from .clip_lists import CLIP_DIMS, list_clips
from .geometry import prepare
from .given import prepared_tensor
from .prepared import Prepared, check_numbers, shown, source_of
from .videos import open_clip

FORM = "a prepared clip is (batch, frame, channel, height, width)"


def medium_of(classifier: Classifier, pixels: Tensor) -> Medium:
    """What a prepared tensor of a clip holds on its axes, by its channels: 1 or 3 of them.

    Where both axes could hold them, the model's own convention counts: frames first for
    Hugging Face, channels first elsewhere, as torch's convolutions take them. The survey measures
    later which axis tokens move along, and refuses the other.
    """
    if classifier.medium.name == CLIP.name:
        return classifier.medium
    first, second = (pixels.shape[axis] in {1, 3} for axis in (1, 2))
    if not first and not second:
        raise PictureError(f"{FORM}, with 1 or 3 channels, not {tuple(pixels.shape)}.")
    return CLIP_CHANNELS_FIRST if first else CLIP


def _axes_note(classifier: Classifier, pixels: Tensor, medium: Medium) -> tuple[str, ...]:
    """How the axes of a prepared tensor were taken, where its shape leaves two ways."""
    if classifier.medium.name == CLIP.name or {pixels.shape[1], pixels.shape[2]} - {1, 3}:
        return ()
    return (f"clip: {tuple(pixels.shape)} is taken as (batch, {', '.join(medium.axes)})",)


def prepare_clips(classifier: Classifier, given: Any, first: int = 1) -> Prepared:
    """Open and prepare clips as the model expects them; a prepared tensor is taken as it is.

    Args:
        classifier: The model, and how it expects its frames.
        given: One or several of: a video, a folder of frames, a list of pictures, an array (frame,
            height, width, 3). Or a prepared tensor (batch, frame, channel, height, width).
        first: The number of the first clip; those without a name are numbered from there on.

    Raises:
        ModelError: The model's preparation of frames is not known.
        PictureError: A clip cannot be opened or prepared.

    """
    pixels = prepared_tensor(given)
    if pixels is not None and pixels.dtype != torch.uint8:
        return _take(classifier, pixels, first)
    preparation, medium = classifier.preparation, classifier.medium
    if preparation is None or not medium.frames:
        raise ModelError(
            f"{classifier.name}: its preparation of clips is not known; give them prepared, as a "
            "tensor (batch, frame, channel, height, width)."
        )
    items = list_clips(given)
    clips = [open_clip(item, medium.frames) for item in items]
    prepared = [[prepare(picture, preparation) for picture in clip.pictures] for clip in clips]
    stacks = [torch.stack([pixels for pixels, _ in frames]) for frames in prepared]
    channels_first = medium.axis("channel") == 1
    return Prepared(
        pixels=torch.stack([some.transpose(0, 1) if channels_first else some for some in stacks]),
        frames=tuple(frames[0][1] for frames in prepared),
        pictures=tuple(clip.pictures[0] for clip in clips),
        sources=tuple(_source(item, number) for number, item in enumerate(items, first)),
        preparation=preparation,
        notes=(*preparation_notes(preparation), *(note for clip in clips for note in _notes(clip))),
        own_notes=tuple(_notes(clip) for clip in clips),
        clips=tuple(clips),
        medium=medium,
    )


def _source(item: Any, number: int) -> str:
    named = isinstance(item, str | PathLike)
    return source_of(item, number) if named else f"clip-{number}"


def _notes(clip: Clip) -> tuple[str, ...]:
    """Which frames the model saw, and whether some were repeated."""
    if clip.total is not None and clip.total < len(clip):
        return (f"clip: {clip.total} frames, and the model takes {len(clip)}: frames are repeated",)
    return (f"clip: {clip.text}",)


def _length_note(classifier: Classifier, count: int) -> tuple[str, ...]:
    """Where a prepared clip has another number of frames than the model's configuration states."""
    stated = classifier.medium.frames
    if not stated or stated == count:
        return ()
    return (f"clip: {count} frames, and the model's configuration states {stated}",)


def _take(classifier: Classifier, pixels: Tensor, first: int) -> Prepared:
    """Pixels that the user prepared."""
    pixels = pixels.detach()
    if pixels.ndim != CLIP_DIMS or not pixels.numel():
        hint = (
            "; for one clip add the batch: pixels[None]." if pixels.ndim == CLIP_DIMS - 1 else "."
        )
        raise PictureError(f"{FORM}, not {tuple(pixels.shape)}{hint}")
    check_numbers(pixels)
    medium = medium_of(classifier, pixels)
    by_frame = pixels.movedim(medium.axis("frame") or 1, 1)  # batch frame channel height width
    far = far_note(by_frame.flatten(0, 1), classifier.preparation)
    known = None if far else classifier.preparation
    height, width = pixels.shape[-2:]
    clips = tuple(
        Clip(tuple(shown(frame, known) for frame in clip), tuple(range(len(clip))))
        for clip in by_frame
    )
    return Prepared(
        pixels=pixels,
        frames=(Frame.whole(width, height),) * len(pixels),
        pictures=tuple(clip.pictures[0] for clip in clips),
        sources=tuple(f"clip-{number}" for number in range(first, first + len(pixels))),
        notes=(
            *far,
            *_axes_note(classifier, pixels, medium),
            *_length_note(classifier, by_frame.shape[1]),
        ),
        clips=clips,
        medium=medium,
    )
