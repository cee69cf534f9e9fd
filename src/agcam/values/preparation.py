"""How a model wants its pictures: as data, or as a program of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from PIL import Image
from torch import Tensor

from .picture import Frame

Fit = Literal["crop", "squash", "pad"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
UNSTATED: Final = "given with the model"
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

    `source` says in words where it comes from; `guess` is True where it is only the usual one of an
    architecture, so that the weights may have been trained with another. Neither takes part in
    comparisons.
    """

    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fit: Fit = "crop"
    resize: int | tuple[int, int] | None = None
    interpolation: Interpolation = "bicubic"
    fill: int | tuple[int, ...] = 0
    crop_rounding: Literal["round", "floor"] = "round"
    source: str = field(default="", compare=False)
    guess: bool = field(default=False, compare=False)

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return len(self.mean)

    def numbers(self) -> dict[str, Any]:
        """All that pixels depend on, ready for JSON."""
        described = asdict(self)
        del described["source"], described["guess"]
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

    @property
    def channels(self) -> int:
        """Number of channels of the input."""
        return len(self.mean)

    def numbers(self) -> dict[str, Any]:
        """All that is known of it, ready for JSON."""
        return {"size": self.size, "mean": self.mean, "std": self.std, "program": self.source}


def manifest_of(preparation: Preparation | Transform | None) -> dict[str, Any]:
    """A preparation for a manifest: its numbers, its source, and whether it is a guess.

    None stands for pixels that the user prepared.
    """
    if preparation is None:
        return {"source": PREPARED, "guess": False}
    source = preparation.source or UNSTATED
    return {**preparation.numbers(), "source": source, "guess": preparation.guess}


def note_of(preparation: Preparation | Transform | None) -> tuple[str, ...]:
    """A sentence about a preparation that is a guess; nothing about one that is known."""
    if preparation is None or not preparation.guess:
        return ()
    return (
        f"preparation: a guess, {preparation.source or UNSTATED}; if these weights were trained "
        "with another, give it: preparation=... in Python, or --size --mean --std --fit --resize "
        "--interpolation",
    )


def words_for(preparation: Preparation | Transform | None) -> str:
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
        how = f"{preparation.fit} from {resized}, {preparation.interpolation}, "
    guess = "a guess, " if preparation.guess else ""
    return f"{height}x{width}, {how}{numbers} ({guess}{preparation.source or UNSTATED})"
