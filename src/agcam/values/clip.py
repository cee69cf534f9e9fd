"""A clip: the frames of a film that a model saw."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image


@dataclass(frozen=True, eq=False)
class Clip:
    """The frames of a film that go into a model, in their order.

    `pictures` are the frames, upright; `numbers` are theirs in the film, counted from 0; `rate` is
    frames a second of the film, None where it is not known; `total` is how many frames it has.
    """

    pictures: tuple[Image.Image, ...]
    numbers: tuple[int, ...]
    rate: float | None = None
    total: int | None = None

    def __len__(self) -> int:
        return len(self.pictures)

    def time(self, place: int) -> float:
        """The second at which a frame begins, or its number in the film where no rate is known.

        `place` counts the frames of the clip from 0; behind the last one it is the film's end.
        """
        last = len(self.numbers) - 1
        if place <= last:
            number = self.numbers[place]
        else:  # where the clip ends
            number = self.numbers[last] + 1 if self.total is None else self.total
        return number if self.rate is None else number / self.rate

    def when(self, place: int) -> str:
        """The time of a frame as text."""
        if self.rate is None:
            return f"frame {self.numbers[place]}"
        return f"{self.time(place):.2f} s"

    @property
    def text(self) -> str:
        """Which frames these are, in a line."""
        numbers = ", ".join(map(str, self.numbers))
        of = "" if self.total is None else f" of {self.total}"
        rate = "" if self.rate is None else f", {self.rate:g} a second"
        return f"frames {numbers}{of}{rate}"


@dataclass(frozen=True)
class Moment:
    """A time step of a clip, and its share of the relevance.

    `start` and `end` are seconds, or numbers of frames where the film's rate is not known; `end` is
    where the next step begins. `frames` are the frames of the clip in it, counted from 0.
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
