"""How a model wants its pictures: as data, or as a program of the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from textwrap import shorten
from typing import Any, Final, Literal

from PIL import Image
from torch import Tensor

from ..errors import PictureError
from .picture import Frame

Fit = Literal["crop", "squash", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
UNSTATED: Final = "given with the model"
WORDS: Final = 120  # letters of a source in a line; the manifest has all of it
PREPARED: Final = "none: the pixels were given prepared"


@dataclass(frozen=True)
class Preparation:
    """How a model wants its pictures, as data: resize, centre crop, scale, normalize.

    `size` is the (height, width) of the input. `mean` and `std` have one number for each channel.
    `fit` is how the picture is brought to the size: "crop" resizes the short side to `resize` and
    crops the centre, "squash" resizes both sides, "pad" resizes the long side and fills the rest
    with `fill` (one grey or one number for each channel; 0 ... 255). `resize` is `size` where it is
    None. `crop_rounding` is what the library does with half a pixel when it centres the crop: timm,
    torchvision, open_clip round it, Hugging Face cuts it off.

    `value_range` (darkest, brightest) is what deep greys, DICOM and bands run over, where their
    files do not say it; without it bands that are not 8 bits are taken as they are.

    `source` says in words where it comes from; `guess` is True where it is only the usual one of an
    architecture, so that the weights may have been trained with another. Neither takes part in
    comparisons. Raises PictureError for sizes below one pixel, a std of zero, or numbers that do
    not fit together.
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


@dataclass(frozen=True)
class Changes:
    """What a user states of a preparation; the rest stays as the model has it.

    Empty is not stated. One number for `mean` or `std` is that of every channel. Another `size`
    scales `resize` along, another `fit` resizes to the size itself, unless `resize` is stated too.
    """

    size: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    fit: Fit | Literal[""] = ""
    resize: tuple[int, ...] = ()
    interpolation: Interpolation | Literal[""] = ""
    value_range: tuple[float, ...] = ()

    @property
    def stated(self) -> tuple[str, ...]:
        """The names of what is stated."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))

    def applied_to(self, base: Preparation | None, channels: int | None = None) -> Preparation:
        """The base with the changes; a model (of `channels`) without one needs size, mean and std.

        Raises PictureError where these lack, or do not fit together.
        """
        if base is None:
            lacking = [name for name in ("size", "mean", "std") if not getattr(self, name)]
            if lacking:
                raise PictureError(
                    "how this model wants its pictures is not known: say "
                    f"{' and '.join(lacking)} too (--size --mean --std)"
                )
            taken = channels or max(len(self.mean), len(self.std))
            mean, std = _each(self.mean, taken), _each(self.std, taken)
            base = Preparation(_pair(self.size), mean, std)
        size = _pair(self.size) if self.size else base.size
        stated = max(len(self.mean), len(self.std), 1)
        channels = base.channels if stated == 1 else stated
        return replace(
            base,
            size=size,
            mean=_each(self.mean, channels) or base.mean,
            std=_each(self.std, channels) or base.std,
            fit=self.fit or base.fit,
            resize=self._resized(base, size),
            interpolation=self.interpolation or base.interpolation,
            value_range=self._ranged() or base.value_range,
            source=f"{', '.join(self.stated)} given by the user, the rest: {base.source}"
            if len(self.stated) < len(fields(self)) and base.source
            else "given by the user",
            guess=base.guess and not (self.size and self.mean and self.std),
        )

    def _ranged(self) -> tuple[float, float] | None:
        if not self.value_range:
            return None
        if len(self.value_range) != 2 or not self.value_range[0] < self.value_range[1]:
            raise PictureError(
                f"a range is two numbers, the darkest and the brightest, not {self.value_range}"
            )
        return self.value_range[0], self.value_range[1]

    def _resized(self, base: Preparation, size: tuple[int, int]) -> int | tuple[int, int] | None:
        if self.resize:
            return self.resize[0] if len(self.resize) == 1 else _pair(self.resize)
        if base.resize is None or (self.fit and self.fit != base.fit):
            return None
        return scaled_resize(base, size)


def scaled_resize(base: Preparation, size: tuple[int, int]) -> int | tuple[int, int] | None:
    """The `resize` of a preparation whose input has another size: it grows or shrinks along."""
    if base.resize is None or size == base.size:
        return base.resize
    if isinstance(base.resize, int) and (size[0] == size[1] or base.size[0] != base.size[1]):
        return max(1, round(base.resize * min(size) / min(base.size)))
    sides = (base.resize, base.resize) if isinstance(base.resize, int) else base.resize
    scaled = (
        max(1, round(side * new / old))
        for side, new, old in zip(sides, size, base.size, strict=True)
    )
    rows, columns = scaled
    return rows, columns


def _pair(values: tuple[int, ...]) -> tuple[int, int]:
    if len(values) not in {1, 2} or min(values) < 1:
        raise PictureError(
            f"a size is one or two whole numbers of pixels, height and width, not {values}"
        )
    return values[0], values[-1]


def _each(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values


def preparation_manifest(preparation: Preparation | Transform | None) -> dict[str, Any]:
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


def preparation_text(preparation: Preparation | Transform | None) -> str:
    """A preparation in one line, for tables and pages."""
    if preparation is None:
        return PREPARED
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
    source = shorten(preparation.source or UNSTATED, WORDS, placeholder=" ...")
    return f"{height}x{width}, {how}{numbers} ({guess}{source})"
