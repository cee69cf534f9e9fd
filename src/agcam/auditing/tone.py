"""Reasons of the whole picture: a tone that many pictures of a class share, and few others have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FAR: Final = 1.5  # deviations of the other classes' pictures
LEAST: Final = 0.2  # share of the class's pictures more than of others'
FEW: Final = 3  # pictures: fewer may have one by accident
FLOOR: Final = 0.02  # of the range from black to white: below it a ratio means nothing
_DEVIATION: Final = 1.4826  # of a normal distribution, over its median absolute deviation
DIFFERS: Final = 2.0  # times as much as in other classes mean and deviation may differ in a cast
NATURAL: Final = 0.1  # what they differ by in photographs, at least
SLIGHT: Final = 0.05  # a gain nearer to 1 is not a cast: a small coloured mark makes that much
GREEN: Final = 1  # what red and blue are compared with


@dataclass(frozen=True, eq=False)
class Tone:
    """A colour cast.

    Attributes:
        there: Which pictures have it, of any class.
        gains: How much stronger red, green and blue are than in pictures of other classes.
    """

    there: NDArray[np.bool_]
    gains: tuple[float, float, float]


def tone_of(own: NDArray[np.bool_], tone: NDArray[np.float32]) -> Tone | None:
    """The cast of a class's `own` pictures that is commonest beside other classes.

    A cast multiplies a colour everywhere: mean and deviation over the picture by the same factor.
    A coloured object changes the two differently. So a picture has a cast where the ratios to
    green of both are FAR from the median of other classes, to the same side. None where less than
    LEAST more of the class's pictures have one than of others, only a FEW do, or it is SLIGHT, or
    the two DIFFER more than in other pictures: blue water around an object.

    Args:
        own: (picture,).
        tone: (picture, 6), as in `Pictures`.
    """
    if own.all() or not own.any():
        return None
    ratios = _ratios(tone)
    usual = np.median(ratios[~own], axis=0)
    there = max(_sides(ratios - usual, own), key=lambda side: excess(side, own), default=~own)
    if excess(there, own) < LEAST:
        return None
    red, blue = np.exp(np.median(ratios[there & own], axis=0) - usual).mean(axis=0)
    if max(abs(red - 1), abs(blue - 1)) < SLIGHT:
        return None
    return Tone(there, (float(red), 1.0, float(blue)))


def excess(there: NDArray[np.bool_], own: NDArray[np.bool_]) -> float:
    """How much more of the class's pictures have it than of others."""
    return float(there[own].mean() - there[~own].mean())


def _ratios(tone: NDArray[np.float32]) -> NDArray[np.float64]:
    """(picture, mean or deviation, red or blue): logarithms of the ratio to green."""
    values = np.log(tone.astype(np.float64).reshape(-1, 2, 3) + FLOOR)
    return np.asarray(np.delete(values - values[..., [GREEN]], GREEN, axis=-1))


def _sides(shift: NDArray[np.float64], own: NDArray[np.bool_]) -> Iterator[NDArray[np.bool_]]:
    """Which pictures have more red, less red, more blue, less blue: where it can be a cast."""
    spread = np.median(np.abs(shift[~own]), axis=0) * _DEVIATION
    far = shift / np.maximum(spread, 1e-6)
    differ = np.abs(shift[:, 0] - shift[:, 1])
    most = DIFFERS * np.maximum(differ[~own].mean(0), NATURAL)
    for colour in range(far.shape[-1]):
        for sign in (1, -1):
            there = (sign * far[..., colour]).min(axis=1) > FAR
            if (there & own).sum() >= FEW and differ[there & own, colour].mean() <= most[colour]:
                yield there
