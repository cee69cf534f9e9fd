"""A colour cast: how strong each colour is, by the brightest there is, and pictures without it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor

BRIGHTEST: Final = 0.999  # quantile of a colour over all pictures
WHITE: Final = 0.99  # a colour whose brightest is at least so bright is cut off at white
DARK: Final = 0.02
SAMPLED: Final = 5  # every so many pixels each way are looked at for the brightest


class Cast:
    """What multiplies red, green and blue in some pictures, against others without it.

    Most pictures have something white. Where its colour is now below white, that is the gain: no
    content of the pictures has a part in it. Where it still is white, the colour may have been cut
    off, and its gain is that of the others times `ratios`, and not below 1.
    """

    def __init__(
        self,
        own: Sequence[Tensor],
        others: Sequence[Tensor],
        ratios: Sequence[float],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        """Of prepared pictures (3, height, width); `mean` and `std` are those of the preparation.

        `ratios` are how much stronger colours are than in the others, up to a common factor.
        """
        self.mean, self.std = (torch.tensor(one).reshape(-1, 1, 1) for one in (mean, std))
        there, known = (torch.stack([self._shown(one) for one in some]) for some in (own, others))
        self.gains = _gains(_brightest(there) / _brightest(known), torch.tensor(ratios))
        self.known = cKDTree(np.unique(_levels(known.movedim(1, 0)), axis=0))

    def off(self, pixels: Tensor) -> Tensor:
        """A picture without the cast; each pixel gets the nearest colour that the others have.

        A trace of colour on grey scans is as much of a mark as the cast.
        """
        shown = self._shown(self.other_off(pixels, 0))
        colours, places = np.unique(_levels(shown), axis=0, return_inverse=True)
        nearest = self.known.data[self.known.query(colours)[1]][places.ravel()] / 255
        return self._prepared(torch.from_numpy(nearest).mT.reshape(shown.shape), pixels)

    def other_off(self, pixels: Tensor, turned: int = 1) -> Tensor:
        """A picture of which as much of other colours is taken off."""
        return self._prepared((self._shown(pixels) / self._of(turned)).clamp(0, 1), pixels)

    def on(self, pixels: Tensor, turned: int = 0) -> Tensor:
        """A picture with the cast (or `turned`, other colours), between black and white."""
        return self._prepared((self._shown(pixels) * self._of(turned)).clamp(0, 1), pixels)

    def _of(self, turned: int) -> Tensor:
        return self.gains.roll(-turned).reshape(-1, 1, 1)

    def _shown(self, pixels: Tensor) -> Tensor:
        return (pixels.cpu().float() * self.std + self.mean).clamp(0, 1)

    def _prepared(self, shown: Tensor, like: Tensor) -> Tensor:
        return ((shown - self.mean) / self.std).to(like)


def _levels(shown: Tensor) -> NDArray[np.uint8]:
    """Colours (3, ...) as (pixel, 3) of 256 levels."""
    return np.asarray((shown.flatten(1).mT * 255).round().to(torch.uint8))


def _brightest(shown: Tensor) -> Tensor:
    """Of pictures (picture, 3, height, width), red, green and blue."""
    some = shown[..., ::SAMPLED, ::SAMPLED].movedim(1, 0).flatten(1)
    place = round(BRIGHTEST * (some.shape[1] - 1))
    return some.sort(dim=1).values[:, place].clamp(min=DARK)


def _gains(brightest: Tensor, ratios: Tensor) -> Tensor:
    below = brightest < WHITE
    common = (brightest / ratios)[below].log().mean().exp() if below.any() else 1 / ratios.min()
    return torch.where(below, brightest, (ratios * common).clamp(min=1))
