"""What removed pixels become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from ..errors import ModelError
from ..registry import Table
from ..values import Classifier, precise
from .imputation import imputed, noise

BLUR: Final = 10 / 224  # standard deviation of the blur, as a share of the shorter side


def put(pixels: Tensor, filling: Tensor, gone: Tensor) -> Tensor:
    """Each pixel that is gone is that of the filling."""
    return torch.where(gone[:, None], filling, pixels)


class Fill(NamedTuple):
    """A fill: `function(pixels, classifier)` gives what replaces each pixel, in their shape.

    Pixels are (picture, channel, *sides), of a clip frames before rows and columns.
    `uniform` is whether it is one colour, the same for all pictures. `replace(pixels, filling,
    gone)` gives pictures without the pixels (picture, *sides) that are gone.
    """

    function: Callable[[Tensor, Classifier], Tensor]
    uniform: bool
    replace: Callable[[Tensor, Tensor, Tensor], Tensor] = put


def zero(pixels: Tensor, _: Classifier) -> Tensor:
    """0 after normalization, the paper's fill: the mean colour of the training pictures."""
    return torch.zeros_like(pixels)


def mean(pixels: Tensor, _: Classifier) -> Tensor:
    """Each picture's own mean colour."""
    colour = precise(pixels).mean(dim=tuple(range(2, pixels.ndim)), keepdim=True)
    return colour.to(pixels).expand(pixels.shape)


def blur(pixels: Tensor, _: Classifier) -> Tensor:
    """Each picture, or frame, blurred by a Gaussian of 10 pixels at a side of 224."""
    sigma = BLUR * min(pixels.shape[-2:])
    sigmas = (*(0 for _ in pixels.shape[:-2]), sigma, sigma)
    blurred = ndimage.gaussian_filter(precise(pixels).cpu().numpy(), sigmas)
    return torch.from_numpy(np.asarray(blurred)).to(pixels)


def black(pixels: Tensor, classifier: Classifier) -> Tensor:
    """What black is after the model's normalization."""
    preparation = classifier.preparation
    if classifier.sound is not None:
        raise ModelError(
            f"{classifier.name} takes sound, in which nothing is black; fill with zero."
        )
    if preparation is None:
        raise ModelError(
            f"{classifier.name}: its preparation is not known, so what is black is not known either"
        )
    shades = -np.asarray(preparation.mean) / np.asarray(preparation.std)
    sides = [1] * (pixels.ndim - 2)
    return torch.from_numpy(shades).reshape(-1, *sides).to(pixels).expand(pixels.shape)


def noisy_mean(pixels: Tensor, classifier: Classifier) -> Tensor:
    """Each picture's own mean colour with ROAD's noise: of a picture that is wholly replaced."""
    return mean(pixels, classifier) + noise(pixels)


FILLS: Final = Table(
    "fill",
    {
        "zero": Fill(zero, uniform=True),
        "mean": Fill(mean, uniform=False),
        "blur": Fill(blur, uniform=False),
        "black": Fill(black, uniform=True),
        "road": Fill(noisy_mean, uniform=False, replace=imputed),
    },
)
