"""Sound ready for a model: a file or samples, the spectrogram of it, and its picture."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import ModelError, PictureError
from ..values import SOUND, Classifier, Frame, Sound, SoundPreparation
from ..wording import printable
from .given import prepared_tensor
from .prepared import Prepared, check_numbers, source_of

SOUNDS: Final = frozenset([".wav", ".flac", ".ogg", ".oga", ".mp3", ".aiff", ".aif", ".au"])
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
    pair = isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], int)
    if isinstance(given, tuple | list) and not pair:
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
    pixels, notes = prepared_tensor(given), list[str]()
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
        samples, seconds, more = _samples(item, preparation.rate)
        spectrograms.append(preparation.run(samples))
        columns = len(spectrograms[-1])
        sounds.append(Sound(columns, preparation.step, preparation.frequencies, seconds))
        notes += [*more, *_length_note(seconds, preparation)]
    names = [
        source_of(item, number) if isinstance(item, str | os.PathLike) else f"sound-{number}"
        for number, item in enumerate(items, first)
    ]
    return _prepared(torch.stack(spectrograms), sounds, names, preparation, notes)


def _numbers(first: int, pixels: Tensor) -> range:
    return range(first, first + len(pixels))


def _checked(pixels: Tensor) -> list[Sound]:
    if pixels.ndim != 3 or not pixels.numel():
        hint = "; for one sound add the batch: values[None]" if pixels.ndim == 2 else ""
        raise PictureError(f"{FORM}, not {tuple(pixels.shape)}{hint}.")
    check_numbers(pixels)
    return [Sound(pixels.shape[1])] * len(pixels)


def _prepared(
    pixels: Tensor,
    sounds: list[Sound],
    names: list[str],
    preparation: SoundPreparation | None = None,
    notes: list[str] | None = None,
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
        notes=tuple(dict.fromkeys([*guesses, *(notes or ())])),
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


def _samples(given: Any, rate: int) -> tuple[NDArray[np.float32], float, list[str]]:
    """Samples of one channel at a rate, the length in seconds, and notes."""
    if isinstance(given, Mapping) and {"array", "sampling_rate"} <= set(given):
        samples, own = given["array"], given["sampling_rate"]
    elif isinstance(given, tuple) and len(given) == 2:
        samples, own = given
    elif isinstance(given, str | os.PathLike):
        samples, own = _read(Path(given))
    else:
        raise PictureError(
            f"a {type(given).__name__} is not a sound; give a file, or samples with their rate, "
            "(array, 16000)."
        )
    return _at_rate(np.asarray(samples), int(own), rate)


def _read(path: Path) -> tuple[NDArray[Any], int]:
    name = printable(path)
    if not path.exists():
        raise PictureError(f"{name} does not exist")
    if path.suffix.lower() == ".wav":
        from scipy.io import wavfile

        try:
            rate, samples = wavfile.read(path)
        except (OSError, ValueError, EOFError) as error:
            raise PictureError(f"{name} cannot be read as a sound: {error}") from error
        return samples, int(rate)
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise PictureError(
            f"{name} is not a WAV file; soundfile reads it: pip install 'agcam[sound]'"
        ) from error
    try:
        samples, rate = soundfile.read(str(path), dtype="float32")
    except (RuntimeError, OSError) as error:
        raise PictureError(f"{name} cannot be read as a sound: {error}") from error
    return samples, int(rate)


def _at_rate(
    samples: NDArray[Any], own: int, rate: int
) -> tuple[NDArray[np.float32], float, list[str]]:
    """Samples (time) or (time, channel) as floats within -1 ... 1, one channel, at a rate."""
    notes = []
    if samples.ndim not in {1, 2} or not len(samples) or own <= 0:
        raise PictureError(f"samples are (time,) or (time, channel), not {samples.shape}.")
    values = _floats(samples)
    if not np.isfinite(values).all():
        raise PictureError("the samples hold NaN or infinite values.")
    if values.ndim == 2:
        if values.shape[1] > 1:
            notes.append(f"sound: the mean of {values.shape[1]} channels")
        values = values.mean(1)
    seconds = len(values) / own
    if own != rate:
        from scipy.signal import resample_poly

        common = math.gcd(own, rate)
        values = resample_poly(values, rate // common, own // common)
        notes.append(f"sound: resampled from {own} to {rate} a second")
    return values.astype(np.float32), seconds, notes


def _floats(samples: NDArray[Any]) -> NDArray[np.float64]:
    if samples.dtype == np.uint8:
        return (samples.astype(np.float64) - 128) / 128
    if np.issubdtype(samples.dtype, np.integer):
        return samples.astype(np.float64) / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float64)


def _length_note(seconds: float, preparation: SoundPreparation) -> list[str]:
    room = preparation.seconds
    if seconds > room + preparation.step:
        return [f"sound: the model is given the first {room:.2f} of {seconds:.2f} s"]
    if seconds < room - 3 * preparation.step:
        return [f"sound: {seconds:.2f} s, filled up to {room:.2f} s"]
    return []
