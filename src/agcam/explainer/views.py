"""Several views of each picture, shifted by parts of a patch, in one batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from ..errors import PictureError
from ..maps import ONE_VIEW, VIEWS, Shifts
from ..tracing import trace
from ..values import Classifier, Grid


@dataclass(frozen=True)
class Views:
    """The views of a picture: shifts by whole pixels of the input, the first by none."""

    pixels: tuple[tuple[int, int], ...] = ((0, 0),)  # right, down
    shares: Shifts = ONE_VIEW

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


ONE: Final = Views()
"""The picture as it is."""


def views_of(count: int, classifier: Classifier, pixels: Tensor) -> Views:
    """So many views of inputs like `pixels`, whose patches a pass of the first one finds.

    Call inside `evaluation_mode`.
    """
    if count == 1:
        return ONE
    grid = trace(classifier, pixels[:1], [], lazy=True).recording.grid
    return Views.of(count, (pixels.shape[-2], pixels.shape[-1]), grid)


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
