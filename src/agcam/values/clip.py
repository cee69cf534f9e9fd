"""A clip: the frames of a video that a model saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from PIL import Image

VIDEOS: Final = frozenset(
    [".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv", ".ts"]
)
"""How names of videos end."""


@dataclass(frozen=True, eq=False)
class Clip:
    """The frames of a video that go into a model, in their order.

    `pictures` are the frames, upright; `numbers` are theirs in the video, counted from 0; `rate` is
    frames a second of the video, None where it is not known or not steady; `total` is how many
    frames it has. Where frames come at no steady rate, `times` are the seconds at which each of
    these begins, and at last the video's end.
    """

    pictures: tuple[Image.Image, ...]
    numbers: tuple[int, ...]
    rate: float | None = None
    total: int | None = None
    times: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def in_seconds(self) -> bool:
        """Whether times are seconds, not numbers of frames."""
        return self.rate is not None or bool(self.times)

    def time(self, place: int) -> float:
        """The second at which a frame begins, or its number in the video where no rate is known.

        `place` counts the frames of the clip from 0; behind the last one it is the video's end.
        """
        if self.times:
            return self.times[place]
        last = len(self.numbers) - 1
        if place <= last:
            number = self.numbers[place]
        else:  # where the clip ends
            number = self.numbers[last] + 1 if self.total is None else self.total
        return number if self.rate is None else number / self.rate

    def when(self, place: int) -> str:
        """The time of a frame as text."""
        if not self.in_seconds:
            return f"frame {self.numbers[place]}"
        return f"{self.time(place):.2f} s"

    @property
    def text(self) -> str:
        """Which frames these are, in a line."""
        numbers = ", ".join(map(str, self.numbers))
        of = "" if self.total is None else f" of {self.total}"
        rate = "" if self.rate is None else f", {self.rate:g} a second"
        rate = ", at no steady rate: seconds are those of the file" if self.times else rate
        return f"frames {numbers}{of}{rate}"


@dataclass(frozen=True)
class Moment:
    """A time step of a clip, and its share of the relevance.

    `start` and `end` are seconds, or numbers of frames where the video's rate is not known; `end`
    is where the next step begins. `frames` are the frames of the clip in it, counted from 0.
    """

    start: float
    end: float
    seconds: bool
    frames: tuple[int, ...]
    share: float

    def __str__(self) -> str:
        if self.seconds:
            return f"{self.start:.2f} to {self.end:.2f} s: {100 * self.share:.0f} %"
        return f"frames {self.start:g} to {self.end:g}: {100 * self.share:.0f} %"
