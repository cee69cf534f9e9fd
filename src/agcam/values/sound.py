"""Sound: how a model expects it, and the spectrogram that it saw."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from torch import Tensor

SOUNDS: Final = frozenset([".wav", ".flac", ".ogg", ".oga", ".mp3", ".aiff", ".aif", ".au"])
"""How names of sounds end."""


@dataclass(frozen=True, eq=False)
class SoundPreparation:
    """How a model expects its sound: a library's program that makes a spectrogram of it.

    `run` takes samples of one channel within -1 ... 1, `rate` a second, and gives the spectrogram
    (time, frequency) of `size`; a column begins every `step` seconds. `frequencies` are the middles
    of its rows in Hz, the lowest first.
    """

    run: Callable[[Any], Tensor]
    rate: int
    step: float
    size: tuple[int, int]
    frequencies: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str = field(default="", compare=False)
    guess: bool = False

    @property
    def seconds(self) -> float:
        """How long the sound is that a spectrogram holds."""
        return self.size[0] * self.step

    def numbers(self) -> dict[str, Any]:
        """All that is known of it, ready for JSON."""
        names = ("rate", "step", "size", "mean", "std")
        return {**{name: getattr(self, name) for name in names}, "program": self.source}


@dataclass(frozen=True)
class Sound:
    """What a spectrogram's axes are: of the sound that a model was given.

    `step` is seconds a column, None where that is not known; `frequencies` are Hz of each row, the
    lowest first, empty where they are not known; `length` is how long the whole sound is.
    """

    columns: int
    step: float | None = None
    frequencies: tuple[float, ...] = ()
    length: float | None = None

    def time(self, share: float) -> float:
        """The second at a share of the spectrogram's width, or the column where it is not known."""
        return share * self.columns * (1.0 if self.step is None else self.step)

    def region(
        self, box: tuple[int, int, int, int], size: tuple[int, int]
    ) -> tuple[float, float, float, float]:
        """(start, end, lowest, highest) of a box in the picture of a spectrogram.

        Seconds and Hz; columns and rows of the spectrogram where those are not known. A frequency
        is the middle of a row, the highest row being drawn first.

        Args:
            box: left, top, right, bottom in pixels of the picture.
            size: The picture's width and height.
        """
        (left, top, right, bottom), (width, height) = box, size
        count = len(self.frequencies) or 1
        rows = [(height - edge) / height * count for edge in (bottom, top)]
        low, high = rows
        if self.frequencies:
            places = max(int(low), 0), min(math.ceil(high) - 1, count - 1)
            low, high = (self.frequencies[place] for place in places)
        return self.time(left / width), self.time(right / width), low, high
