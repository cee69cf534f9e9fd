"""Several views of each picture, shifted by parts of a patch or cropped, in one batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from ..errors import PictureError
from ..maps import CROP, ONE_VIEW, VIEWS, Windows
from ..tracing import trace
from ..values import SOUND, Classifier, Grid, Medium, switch, whole


@dataclass(frozen=True)
class Views:
    """The views of a picture: windows in whole pixels of the input, the first being the picture."""

    pixels: tuple[tuple[int, int, int, int], ...] = ()  # left, top, width, height; none of one view
    windows: Windows = ONE_VIEW

    def __len__(self) -> int:
        return len(self.windows)

    @classmethod
    def of(cls, count: int, size: tuple[int, int], grid: Grid) -> Views:
        """So many views of an input of `size` (height, width), rounded to its pixels."""
        height, width = size
        shifts, crops = VIEWS[count]
        down, across = grid.extent[-2:] or ((0.0, 1.0), (0.0, 1.0))
        patch_width = (across[1] - across[0]) * width / grid.columns
        patch_height = (down[1] - down[0]) * height / grid.rows
        wide, high = round(width * CROP), round(height * CROP)
        every = [
            (round(x * patch_width), round(y * patch_height), width, height) for x, y in shifts
        ]
        every += [
            (round(x * (width - wide)), round(y * (height - high)), wide, high) for x, y in crops
        ]
        shares = ((x / width, y / height, w / width, h / height) for x, y, w, h in every)
        return cls(tuple(every), tuple(shares))

    def of_pictures(self, pixels: Tensor) -> Tensor:
        """(view * batch, ..., height, width): all pictures, then all in the next view ...

        Where a view lies beyond the far edge the last pixels are repeated; a crop is brought to the
        size of the input, bicubically.
        """
        if len(self) == 1:
            return pixels
        height, width = pixels.shape[-2:]
        every = []
        for left, top, wide, high in self.pixels:
            rows = (torch.arange(high, device=pixels.device) + top).clamp(max=height - 1)
            columns = (torch.arange(wide, device=pixels.device) + left).clamp(max=width - 1)
            view = pixels[..., rows, :][..., columns]
            if (wide, high) != (width, height):
                planes = view.float().flatten(0, -3)[:, None]
                planes = F.interpolate(planes, (height, width), mode="bicubic")
                view = planes.reshape(pixels.shape).to(pixels)
            every.append(view)
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


def checked_switches(refine: object, views: object, inputs: object = None) -> tuple[bool, int]:
    """`refine` and `views` as they were given, numpy's too.

    Raises PictureError where a number of views is not offered, or has no meaning.
    """
    count, refined = whole(views), switch(refine)
    if refined is None:
        raise PictureError(f"refine is True or False, not {refine!r}.")
    if count not in VIEWS:
        *some, last = VIEWS
        raise PictureError(f"views is {', '.join(map(str, some))} or {last}, not {views!r}.")
    if count != 1 and inputs is not None:
        raise PictureError(
            "views shifts and crops pictures, and whether `inputs` hold for them is unknown: "
            "leave views at 1."
        )
    return refined, count


def checked_batch(size: object) -> int:
    """Pictures in one pass, as they were given. Raises PictureError."""
    count = whole(size)
    if count is None or count < 1:
        raise PictureError(f"batch_size is the number of pictures in one pass, not {size!r}.")
    return count


def check_medium(medium: Medium, refine: bool, views: int) -> None:
    """PictureError where refined maps or several views of a sound are requested."""
    if medium.name == SOUND.name and (refine or views != 1):
        raise PictureError(
            "refine and views follow edges of pictures and shift what they show; a spectrogram "
            "shifted in frequency is another sound: leave them out."
        )
