"""Samples of a sound from a file, an array or a row of a data set: one channel, at one rate."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..errors import PictureError
from ..values import VIDEOS
from ..wording import printable

NO_RATE: Final = (
    "samples alone do not state how many there are per second; give them with their rate, "
    "(array, 16000), or a file."
)
CHANNELS: Final = 8  # of a sound, at most, where they come before time
LOUD, TOO_LOUD = 1.0, 4.0  # samples beyond -1 ... 1: noted, refused


def read_samples(given: Any, rate: int) -> tuple[NDArray[np.float32], float, list[str]]:
    """Samples of one channel at a rate, the length in seconds, and notes."""
    if isinstance(given, Mapping) and {"array", "sampling_rate"} <= set(given):
        samples, own = given["array"], given["sampling_rate"]
    elif (pair := pair_of(given)) is not None:
        samples, own = pair
    elif isinstance(given, str | os.PathLike):
        samples, own = _read(Path(given))
    elif isinstance(given, np.ndarray | Tensor):
        raise PictureError(NO_RATE)
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
    if path.suffix.lower() in VIDEOS:
        raise PictureError(
            f"{name} is a video, and the model takes sound; write it to a file of its own: "
            f"ffmpeg -i {name} sound.wav"
        )
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
    """Samples (time) or (time, channel) as floats within -1 ... 1, one channel, at a rate.

    Of two axes the longer one is time.
    """
    notes = list[str]()
    if samples.ndim not in {1, 2} or not samples.size or own <= 0:
        raise PictureError(f"samples are (time,) or (time, channel), not {samples.shape}.")
    if samples.ndim == 2 and len(samples) < samples.shape[1]:
        samples = samples.T
    if samples.ndim == 2 and samples.shape[1] > CHANNELS:
        raise PictureError(f"samples are (time,) or (time, channel), not {samples.shape}.")
    values = _floats(samples)
    notes += _loudness_note(values)
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


def _loudness_note(values: NDArray[np.float64]) -> list[str]:
    """PictureError for samples that are no sound as models take it, a note on doubtful ones."""
    if not np.isfinite(values).all():
        raise PictureError("the samples hold NaN or infinite values.")
    most = float(np.abs(values).max())
    if most > TOO_LOUD:
        raise PictureError(
            f"the samples are floats up to {most:g}, and floats of a sound lie within -1 ... 1; "
            "divide them by the highest value of their format (32768 of 16 bits), or give integers."
        )
    return [f"sound: samples up to {most:.2f}, beyond -1 ... 1"] if most > LOUD + 1e-3 else []


def pair_of(given: Any) -> tuple[Any, int] | None:
    """(samples, rate) of a pair in either order; None for anything else."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        return None
    numbers = [isinstance(one, int | float | np.number) for one in given]
    if sum(numbers) != 1:
        return None
    samples, rate = given if numbers[1] else reversed(given)
    return (samples, int(rate)) if rate == int(rate) and not isinstance(samples, str) else None
