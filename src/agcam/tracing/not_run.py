"""Why a model does not run on the pixels it was given, and what to give instead."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from torch import Tensor

from ..values import Classifier, Medium

CHANNELS: Final = re.compile(r"(?:to have|[Ee]xpected) (\d+)(?: channels,)? but got (\d+)")
"""What torch and transformers say of pixels with another number of channels."""
COLOURS: Final = frozenset([1, 3])


def why_not_run(classifier: Classifier, pixels: Tensor, text: str, kind: str) -> str:
    """A sentence on the error (its text and its class) that a model raised for these pixels."""
    name, shape = classifier.name, tuple(pixels.shape)
    cause = f"({kind}: {text.splitlines()[0] if text else ''})"
    if pixels.ndim == 5:
        hint = _of_clip(classifier.medium, shape)
        return f"{name} does not run on a clip {shape} {cause}{hint}."
    if pixels.ndim == 3:
        size = None if classifier.sound is None else classifier.sound.size
        return f"{name} does not run on a spectrogram {shape} {cause}{_of_sound(size, shape)}."
    channels = CHANNELS.search(text)
    if channels is not None:
        return f"{name} takes {channels[1]} channel(s), and the pixels have {channels[2]}."
    return f"{name} does not run on an input of {shape[-1]} x {shape[-2]} {cause}."


def why_other_rows(classifier: Classifier, rows: int, given: int) -> str:
    """A sentence on a model that gives another number of rows of logits than it was given inputs.

    Where it gives several for each, as a TimeSformer of single frames does, their mean is one.
    """
    name, medium = classifier.name, classifier.medium.name
    text = f"{name} gives {rows} rows of logits for {given} {medium}: let it give one"
    if rows % given:
        return f"{text} for each."
    logits = "y.logits" if classifier.family == "hf" else "y"
    mean = f"{logits}.unflatten(0, (-1, {rows // given})).mean(1)"
    return f"{text}, as a mean over them: agcam.load(model, logits=lambda y: {mean})."


def _of_clip(medium: Medium, shape: Sequence[int]) -> str:
    frames, channels = shape[medium.axis("frame") or 1], shape[medium.axis("channel") or 2]
    if not medium.frames:  # it is not stated to be a model of clips
        return "; to a model of pictures give single frames"
    if channels not in COLOURS and frames in COLOURS:
        return f"; {_order(medium)}, and these axes look exchanged: pixels.transpose(1, 2)"
    if channels not in COLOURS and shape[-1] in COLOURS:
        return f"; {_order(medium)}, and channels are last: pixels.permute(0, 1, 4, 2, 3)"
    if frames != medium.frames:
        return (
            f"; it takes clips of {medium.frames} frames, and this one has {frames}: give the "
            "video, a folder or a list of frames, and as many are taken as it needs"
        )
    return f"; {_order(medium)}"


def _order(medium: Medium) -> str:
    return f"it takes (batch, {', '.join(medium.axes)})".replace("row, column", "height, width")


def _of_sound(size: tuple[int, int] | None, shape: Sequence[int]) -> str:
    if size is None:
        return ""
    time, bins = size
    takes = f"; it takes {time} columns in time of {bins} frequencies"
    if tuple(shape[1:]) == (bins, time):
        return f"{takes}, and these axes are exchanged: values.transpose(1, 2)"
    return f"{takes}: give the sound's file or its samples with their rate, and it is cut or filled"
