"""Sound ready for a model: a file or samples, the spectrogram of it, and its picture."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import ModelError, PictureError
from ..values import SOUND, SOUNDS, Classifier, Frame, Sound, SoundPreparation
from ..wording import printable
from .given import prepared_tensor
from .prepared import Prepared, check_numbers, source_of
from .samples import CHANNELS, NO_RATE, pair_of, read_samples

FORM: Final = "a prepared sound is a spectrogram (batch, time, frequency)"
HEIGHT: Final = 0.4  # of a picture of a spectrogram, in its width, at least


def list_sounds(given: Any) -> list[Any]:
    """Each sound by itself, unopened: a file, those of a folder, (samples, rate), lists."""
    if isinstance(given, str | os.PathLike):
        path = Path(given).expanduser()
        if not path.is_dir():
            return [path]
        found = sorted(one for one in path.iterdir() if one.suffix.lower() in SOUNDS)
        if not found:
            raise PictureError(f"no sound was found in the folder {printable(path)}")
        return list(found)
    if isinstance(given, tuple | list) and pair_of(given) is None:
        if given and all(isinstance(one, int | float) for one in given):
            raise PictureError(NO_RATE)
        return [sound for item in given for sound in list_sounds(item)]
    return [given]


def prepare_sounds(classifier: Classifier, given: Any, first: int = 1) -> Prepared:
    """Open sounds and make spectrograms of them as the model wants; tensors are taken as they are.

    Args:
        classifier: The model, and how it expects its sound.
        given: One or several of: a file (WAV; with soundfile FLAC, OGG, MP3), (samples, rate), or
            what a data set of Hugging Face gives, {"array": ..., "sampling_rate": ...}. Or a
            prepared tensor (batch, time, frequency).
        first: The number of the first sound; those without a name are numbered from there on.

    Raises:
        ModelError: The model's preparation of sound is not known.
        PictureError: A sound cannot be opened.

    """
    preparation = classifier.sound
    pixels, notes = None if pair_of(given) else prepared_tensor(given), list[tuple[str, ...]]()
    if pixels is not None:
        sounds = _checked(pixels)
        return _prepared(pixels.detach(), sounds, [f"sound-{n}" for n in _numbers(first, pixels)])
    if preparation is None:
        raise ModelError(
            f"{classifier.name}: its preparation of sound is not known; give it prepared, as a "
            "spectrogram (batch, time, frequency)."
        )
    items, spectrograms, sounds = list_sounds(given), list[Tensor](), list[Sound]()
    for item in items:
        samples, seconds, more = read_samples(item, preparation.rate)
        spectrograms.append(_spectrogram(preparation, samples))
        columns = len(spectrograms[-1])
        sounds.append(Sound(columns, preparation.step, preparation.frequencies, seconds))
        notes.append((*more, *_length_note(seconds, preparation)))
    names = [
        source_of(item, number) if isinstance(item, str | os.PathLike) else f"sound-{number}"
        for number, item in enumerate(items, first)
    ]
    return _prepared(torch.stack(spectrograms), sounds, names, preparation, notes)


def _spectrogram(preparation: SoundPreparation, samples: NDArray[np.float32]) -> Tensor:
    try:
        return preparation.run(samples)
    except (AssertionError, RuntimeError, ValueError) as error:
        text = f"{len(samples)} samples, {len(samples) / preparation.rate:.3f} s"
        raise PictureError(
            f"a sound of {text} gives no spectrogram ({error}): give a longer one."
        ) from error


def _numbers(first: int, pixels: Tensor) -> range:
    return range(first, first + len(pixels))


def _checked(pixels: Tensor) -> list[Sound]:
    if pixels.ndim != 3 or not pixels.numel():
        if pixels.ndim == 1 or (pixels.ndim == 2 and len(pixels) <= CHANNELS):
            raise PictureError(NO_RATE)
        hint = "; for one sound add the batch: values[None]" if pixels.ndim == 2 else ""
        raise PictureError(f"{FORM}, not {tuple(pixels.shape)}{hint}.")
    check_numbers(pixels)
    return [Sound(pixels.shape[1])] * len(pixels)


def _prepared(
    pixels: Tensor,
    sounds: list[Sound],
    names: list[str],
    preparation: SoundPreparation | None = None,
    own_notes: Sequence[tuple[str, ...]] = (),
) -> Prepared:
    pictures = tuple(_picture(one) for one in pixels)
    guess = preparation is not None and preparation.guess
    guesses = [f"preparation: a guess, {preparation.source}"] if preparation and guess else []
    return Prepared(
        pixels=pixels,
        frames=tuple(Frame.whole(*picture.size) for picture in pictures),
        pictures=pictures,
        sources=tuple(names),
        preparation=preparation,
        notes=tuple(dict.fromkeys((*guesses, *chain.from_iterable(own_notes)))),
        own_notes=tuple(own_notes),
        sounds=tuple(sounds),
        medium=SOUND,
    )


def _picture(spectrogram: Tensor) -> Image.Image:
    """A spectrogram (time, frequency) as it is drawn: time to the right, high frequencies above."""
    values = spectrogram.float().cpu().numpy().T[::-1]
    low, high = np.percentile(values, (1, 99.5))
    share = ((values - low) / (high - low if high > low else 1)).clip(0, 1)
    picture = Image.fromarray(np.rint(share * 255).astype(np.uint8))
    height = max(
        picture.height, math.ceil(picture.width * HEIGHT / picture.height) * picture.height
    )
    return picture.resize((picture.width, height), Image.Resampling.NEAREST).convert("RGB")


def _length_note(seconds: float, preparation: SoundPreparation) -> list[str]:
    room = preparation.seconds
    if seconds > room + preparation.step:
        return [f"sound: the model is given the first {room:.2f} of {seconds:.2f} s"]
    if seconds < room - 3 * preparation.step:
        return [f"sound: {seconds:.2f} s, filled up to {room:.2f} s"]
    return []
