"""Where tokens lie on a picture, and what a model saw of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """How tokens lie on the picture: the patches row by row, other tokens before and behind."""

    rows: int
    columns: int
    prefix: int
    suffix: int = 0

    @property
    def patches(self) -> int:
        """Number of patch tokens."""
        return self.rows * self.columns

    @property
    def tokens(self) -> int:
        """Number of all tokens."""
        return self.prefix + self.patches + self.suffix

    @property
    def places(self) -> slice:
        """Where the patch tokens are among all tokens."""
        return slice(self.prefix, self.prefix + self.patches)


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

    def scaled(self, width: int, height: int) -> Frame:
        """The same window on the same picture in another size, in pixels."""
        across, down = width / self.width, height / self.height
        left, top, right, bottom = self.window
        return Frame(width, height, (left * across, top * down, right * across, bottom * down))
