"""Where tokens lie on a picture, and what a model saw of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from torch import Tensor

SIDES: Final = ("frame", "row", "column")


@dataclass(frozen=True)
class Medium:
    """What a model takes, and the axes of its pixels behind the batch.

    Rows and columns are those of what is drawn; "-row" is an axis whose first entry is drawn at the
    bottom. `frames` is how many a clip has, where the model states it.
    """

    name: str
    axes: tuple[str, ...]
    frames: int = 0

    def axis(self, name: str) -> int | None:
        """The dimension of the pixels that holds an axis; None where there is none."""
        found = [place for place, axis in enumerate(self.axes, 1) if axis.lstrip("-") == name]
        return found[0] if found else None

    @property
    def still(self) -> bool:
        """Whether this is a picture, not a clip or a sound."""
        return self.name == "picture"

    @property
    def sides(self) -> tuple[int, ...]:
        """The dimensions of the pixels along which patches lie: time, if any, rows, columns."""
        found = (self.axis(side) for side in SIDES)
        return tuple(axis for axis in found if axis is not None)

    def as_drawn(self, pixels: Tensor) -> Tensor:
        """Pixels as (batch, channel, *sides), each side from its start as it is drawn."""
        channel = self.axis("channel")
        if channel is None:
            return self._upright(pixels.permute(0, *self.sides)).unsqueeze(1)
        return self._upright(pixels.permute(0, channel, *self.sides))

    def as_given(self, drawn: Tensor) -> Tensor:
        """What `as_drawn` made, as the model takes it."""
        channel = self.axis("channel")
        order = (0, *self.sides) if channel is None else (0, channel, *self.sides)
        upright = self._upright(drawn)
        upright = upright.squeeze(1) if channel is None else upright
        return upright.permute([order.index(axis) for axis in range(len(order))])

    def _upright(self, pixels: Tensor) -> Tensor:
        """With the sides that are drawn from their end turned round."""
        turned = [axis for axis in self.sides if self.axes[axis - 1].startswith("-")]
        places = [self.sides.index(axis) - len(self.sides) for axis in turned]
        return pixels.flip(places) if places else pixels


PICTURE: Final = Medium("picture", ("channel", "row", "column"))
CLIP: Final = Medium("clip", ("frame", "channel", "row", "column"))
CLIP_CHANNELS_FIRST: Final = Medium("clip", ("channel", "frame", "row", "column"))
SOUND: Final = Medium("sound", ("column", "-row"))  # a spectrogram (time, frequency)


@dataclass(frozen=True)
class Grid:
    """How tokens lie on the input: patches by time step, row and column, other tokens beside them.

    Attributes:
        rows: Patches from top to bottom.
        columns: Patches from left to right.
        prefix: Tokens before the first patch.
        suffix: Tokens behind the last patch.
        frames: Time steps of a clip, each of which may hold several of its frames; 0 for a still
            picture.
        order: The token of each patch, where they do not lie side by side in this order.
        extent: Where the outer edges of the patches lie, as shares of the input's sides: (start,
            stop) of time, rows and columns; empty where they are those of the input.

    """

    rows: int
    columns: int
    prefix: int
    suffix: int = 0
    frames: int = 0
    order: tuple[int, ...] = ()
    extent: tuple[tuple[float, float], ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of a map; of a clip time steps before them."""
        sides = self.rows, self.columns
        return (self.frames, *sides) if self.frames else sides

    @property
    def patches(self) -> int:
        """Number of patch tokens."""
        return math.prod(self.shape)

    @property
    def tokens(self) -> int:
        """Number of all tokens."""
        last = max(self.order, default=self.prefix + self.patches - 1)
        return last + 1 + self.suffix

    @property
    def places(self) -> slice | list[int]:
        """Where the patch tokens are among all tokens, as an index."""
        return list(self.order) or slice(self.prefix, self.prefix + self.patches)

    def places_of(self, patches: slice) -> slice | list[int]:
        """Where some of the patch tokens are among all tokens, as an index."""
        if self.order:
            return list(self.order[patches])
        return slice(patches.start + self.prefix, patches.stop + self.prefix)


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
