"""Where tokens lie on a picture, and what a model saw of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Grid:
    """How tokens lie on the picture: `prefix` tokens first, then rows x columns, row by row."""

    rows: int
    columns: int
    prefix: int

    @property
    def patches(self) -> int:
        """Number of patch tokens."""
        return self.rows * self.columns

    @property
    def tokens(self) -> int:
        """Number of all tokens."""
        return self.prefix + self.patches


@dataclass(frozen=True)
class Frame:
    """Which part of the original picture the model saw.

    `window` is (left, top, right, bottom) in pixels of the original (width x height, after EXIF
    rotation), as fractions where the resize made them so; it may reach beyond the picture where
    the preparation pads.
    """

    width: int
    height: int
    window: tuple[float, float, float, float]

    @classmethod
    def whole(cls, width: int, height: int) -> Frame:
        """The model saw all of the picture."""
        return cls(width, height, (0.0, 0.0, float(width), float(height)))


@dataclass(frozen=True)
class Preparation:
    """How a model wants its pictures, as data: resize, centre crop, scale, normalize.

    `size` is the (height, width) of the input. `fit` is how the picture is brought to it:
    "crop" resizes the short side to `resize` and crops the centre, "squash" resizes both sides,
    "pad" resizes the long side and fills the rest with `fill` (one grey or red, green, blue;
    0 ... 255). `resize` is `size` where it is None. `crop_rounding` is what the library does with
    half a pixel when it centres the crop: timm, torchvision, open_clip round it, Hugging Face
    cuts it off.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Literal["crop", "squash", "pad"] = "crop"
    resize: int | tuple[int, int] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    fill: int | tuple[int, int, int] = 0
    crop_rounding: Literal["round", "floor"] = "round"
