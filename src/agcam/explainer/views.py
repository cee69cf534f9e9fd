"""Several views of each picture, shifted by parts of a patch, in one batch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..errors import PictureError
from ..maps import VIEWS, Shifts
from ..values import Grid


@dataclass(frozen=True)
class Views:
    """The views of a picture: shifts by whole pixels of the input, the first by none."""

    pixels: tuple[tuple[int, int], ...] = ((0, 0),)  # right, down
    shares: Shifts = ((0.0, 0.0),)

    def __len__(self) -> int:
        return len(self.pixels)

    @classmethod
    def of(cls, count: int, size: tuple[int, int], grid: Grid) -> Views:
        """So many views of an input of `size` (height, width); shifts are rounded to its pixels."""
        height, width = size
        patch = width / grid.columns, height / grid.rows
        pixels = tuple(
            (round(across * patch[0]), round(down * patch[1])) for across, down in VIEWS[count]
        )
        return cls(pixels, tuple((x / width, y / height) for x, y in pixels))

    def of_pictures(self, pixels: Tensor) -> Tensor:
        """(view * batch, channel, height, width): all pictures, then all shifted, and so on.

        A view shows at each place what lies right of and below it; at the far edge the last pixels
        are repeated.
        """
        if len(self) == 1:
            return pixels
        height, width = pixels.shape[-2:]
        every = []
        for across, down in self.pixels:
            rows = (torch.arange(height, device=pixels.device) + down).clamp(max=height - 1)
            columns = (torch.arange(width, device=pixels.device) + across).clamp(max=width - 1)
            every.append(pixels[:, :, rows][..., columns])
        return torch.cat(every)


def check_views(count: object, inputs: object) -> None:
    """PictureError where a number of views is not offered, or has no meaning."""
    if isinstance(count, bool) or count not in VIEWS:
        *some, last = VIEWS
        raise PictureError(f"views is {', '.join(map(str, some))} or {last}, not {count!r}.")
    if count != 1 and inputs is not None:
        raise PictureError(
            "views shifts pictures, and whether `inputs` hold for a shifted picture is unknown: "
            "leave views at 1."
        )
