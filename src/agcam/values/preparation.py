"""How a model expects its pictures: as data, or as a program of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from textwrap import shorten
from typing import Any, Final, Literal

from PIL import Image
from torch import Tensor

from ..errors import PictureError
from .picture import Frame
from .sound import SoundPreparation

Fit = Literal["crop", "squash", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
UNSTATED: Final = "given with the model"
SOURCE_LETTERS: Final = 120  # of a source in one line; the manifest has all of it
PREPARED: Final = "none: the pixels were given prepared"


@dataclass(frozen=True)
class Preparation:
    """How a model expects its pictures, as data: resize, centre crop, scale, normalize.

    Args:
        size: (height, width) of the input, in pixels.
        mean: Subtracted from pixels in 0 ... 1, one number for each channel.
        std: Pixels are divided by it, one number for each channel.
        fit: How the picture is brought to the size: "crop" resizes the short side to `resize` and
            crops the centre, "squash" resizes both sides, "pad" resizes the long side and fills
            the rest with `fill`.
        resize: One side, or (height, width), in pixels; None: `size`.
        interpolation: The filter that resizes.
        fill: One grey or one number for each channel, 0 ... 255.
        crop_rounding: What the library does with half a pixel when it centres the crop: timm,
            torchvision and open_clip round it, Hugging Face cuts it off.
        value_range: (darkest, brightest), what deep greys, DICOM and bands run over where their
            files do not state it; without it bands that are not 8 bits are taken as they are.
        source: Where it comes from; no part of comparisons.
        guess: True where it is only the usual one of an architecture, so that the weights may have
            been trained with another; no part of comparisons.

    Raises:
        PictureError: Sizes below one pixel, a std of zero, or numbers that do not fit together.

    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    resize: int | tuple[int, int] | None = None
    interpolation: Interpolation = "bicubic"
    fill: int | tuple[int, ...] = 0
    crop_rounding: Literal["round", "floor"] = "round"
    value_range: tuple[float, float] | None = None
    source: str = field(default="", compare=False)
    guess: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise PictureError(f"a size is (height, width) in pixels, not {self.size}")
        if len(self.mean) != len(self.std) or not self.mean:
            raise PictureError(
                f"mean and std have one number for each channel, not {len(self.mean)} and "
                f"{len(self.std)}"
            )
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise PictureError(
                f"mean and std are finite and std is above zero, not {self.mean} and {self.std}"
            )

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return len(self.mean)

    def numbers(self) -> dict[str, Any]:
        """All that pixels depend on, ready for JSON."""
        described = asdict(self)
        del described["source"], described["guess"]
        if self.value_range is None:
            del described["value_range"]
        return described


@dataclass(frozen=True, eq=False)
class Transform:
    """The user's own preparation, a program that is run as it is.

    `run` takes an RGB picture and gives its pixels (channel, height, width); `frame` measures which
    part of a picture of some (width, height) they show. `size`, `mean` and `std` are measured too:
    what the program makes of a plain black and a plain white picture.
    """

    run: Callable[[Image.Image], Tensor]
    frame: Callable[[tuple[int, int]], Frame]
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str
    guess: bool = False
    value_range: tuple[float, float] | None = None

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return len(self.mean)

    def numbers(self) -> dict[str, Any]:
        """All that is known of it, ready for JSON."""
        known = {"size": self.size, "mean": self.mean, "std": self.std, "program": self.source}
        return known if self.value_range is None else {**known, "value_range": self.value_range}


def preparation_manifest(
    preparation: Preparation | Transform | SoundPreparation | None,
) -> dict[str, Any]:
    """A preparation for a manifest: its numbers, its source, and whether it is a guess.

    None stands for pixels that the user prepared.
    """
    if preparation is None:
        return {"source": PREPARED, "guess": False}
    source = preparation.source or UNSTATED
    return {**preparation.numbers(), "source": source, "guess": preparation.guess}


def preparation_notes(preparation: Preparation | Transform | None) -> tuple[str, ...]:
    """A sentence about a preparation that is a guess; nothing about one that is known."""
    if preparation is None or not preparation.guess:
        return ()
    return (
        f"preparation: a guess, {preparation.source or UNSTATED}; if these weights were trained "
        "with another, give it: preparation=... in Python, or --size --mean --std --fit --resize "
        "--interpolation",
    )


def preparation_text(
    preparation: Preparation | Transform | SoundPreparation | None, absent: str = PREPARED
) -> str:
    """A preparation in one line, for tables and pages; `absent` where there is none."""
    if preparation is None:
        return absent
    if isinstance(preparation, SoundPreparation):
        time, bins = preparation.size
        guess = "a guess, " if preparation.guess else ""
        shape = f"a spectrogram of {time} columns, {preparation.step:g} s each, and {bins} rows"
        return f"{shape} at {preparation.rate} samples per second ({guess}{preparation.source})"
    height, width = preparation.size
    numbers = "mean {}, std {}".format(
        *(
            " ".join(f"{value:.4g}" for value in values[:4]) + (" ..." if len(values) > 4 else "")
            for values in (preparation.mean, preparation.std)
        )
    )
    how = ""
    if isinstance(preparation, Preparation):
        resize = preparation.resize or preparation.size
        resized = str(resize) if isinstance(resize, int) else "x".join(map(str, resize))
        start = "" if resize == preparation.size else f" from {resized}"
        how = f"{preparation.fit}{start}, {preparation.interpolation}, "
    guess = "a guess, " if preparation.guess else ""
    source = shorten(preparation.source or UNSTATED, SOURCE_LETTERS, placeholder=" ...")
    return f"{height}x{width}, {how}{numbers} ({guess}{source})"
