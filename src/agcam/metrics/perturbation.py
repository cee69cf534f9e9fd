"""What happens to the target's probability while pixels go: MoRF, LeRF, ABPC.

A plan and a score: `ends` and `perturb` make the pictures, a model elsewhere gives the target's
probability for each, `curves` and `abpc` score them. The untouched and the empty picture are the
same for every method and order: two and eighteen pictures more a method, instead of twenty-two.
Insertion with a fill is LeRF read from its end, deletion is MoRF.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import MetricError
from ..registry import Table
from ..values import CurveCase
from .boxes import relevance_of

Order = Literal["morf", "lerf"]
Filler = Callable[[NDArray[Any]], NDArray[Any]]

SHARES: Final = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
INNER: Final = SHARES[1:-1]
BLUR: Final = 10 / 224  # standard deviation of the blur, as a share of the shorter side


def zero(pixels: NDArray[Any]) -> NDArray[Any]:
    """0 after normalization, the paper's fill: the mean colour of the training pictures."""
    return np.zeros_like(pixels)


def mean(pixels: NDArray[Any]) -> NDArray[Any]:
    """The picture's own mean colour."""
    return np.broadcast_to(pixels.mean(axis=(1, 2), keepdims=True), pixels.shape)


def blur(pixels: NDArray[Any]) -> NDArray[Any]:
    """The picture itself, blurred by a Gaussian of 10 pixels at a side of 224."""
    sigma = BLUR * min(pixels.shape[1:])
    precise = pixels.astype(np.promote_types(pixels.dtype, np.float32))
    return np.asarray(ndimage.gaussian_filter(precise, (0, sigma, sigma)))


FILLS: Table[Filler] = Table("fill", {"zero": zero, "mean": mean, "blur": blur})


def black(mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float64]:
    """What black is after a model's normalization, (3, 1, 1): a fill for `perturb`."""
    shades = -np.asarray(mean, dtype=np.float64) / np.asarray(std, dtype=np.float64)
    return np.asarray(shades[:, None, None])


def removal_order(relevance: NDArray[Any], order: Order) -> NDArray[np.intp]:
    """Numbers of the pixels (row by row) in the order of their removal.

    Of equal pixels the last goes first: nearest to what the authors' program does, where they
    depend on the sorting of a library. So a constant map has one order only, and an ABPC of 0.
    """
    values = relevance_of(relevance).reshape(-1)
    if np.isnan(values).any():
        raise MetricError("perturbation needs the map on the model's input, where all is seen")
    if order not in ("morf", "lerf"):
        raise MetricError(f"the order is 'morf' or 'lerf', not {order!r}")
    return np.argsort(values if order == "morf" else -values, kind="stable")[::-1]


def perturb(
    pixels: NDArray[Any],
    relevance: NDArray[Any],
    shares: Sequence[float] = INNER,
    order: Order = "morf",
    fill: str | NDArray[Any] = "zero",
) -> NDArray[Any]:
    """Pictures with the first `share` of the pixels, in `order`, replaced: (share, 3, row, column).

    `pixels` (3, row, column) are the model's normalized input, `relevance` (row, column) a map of
    that size; `fill` is a name of FILLS or an array that spreads over the pixels (see `black`).
    `int(share * number)` pixels are replaced.
    """
    if relevance.shape != pixels.shape[1:]:
        raise MetricError(f"a map {relevance.shape} does not fit pixels {pixels.shape}")
    if not all(0 <= share <= 1 for share in shares):
        raise MetricError("shares lie between 0 and 1")
    rank = np.empty(relevance.size, dtype=np.intp)
    rank[removal_order(relevance, order)] = np.arange(relevance.size)
    # The little more keeps 0.29 * 100 from being 28.
    counts = np.array([int(share * relevance.size + 1e-6) for share in shares], dtype=np.intp)
    gone = rank.reshape(relevance.shape) < counts[:, None, None]
    return np.where(gone[:, None], _filling(pixels, fill), pixels).astype(pixels.dtype)


def ends(pixels: NDArray[Any], fill: str | NDArray[Any] = "zero") -> NDArray[Any]:
    """The untouched and the wholly replaced picture, (2, 3, row, column): one pair for all maps."""
    return np.stack([pixels, _filling(pixels, fill).astype(pixels.dtype)])


def curves(ends: NDArray[Any], morf: NDArray[Any], lerf: NDArray[Any]) -> CurveCase:
    """Probabilities of the two ends put around those of the pictures between."""
    first, last = np.asarray(ends, dtype=np.float64)
    return CurveCase(np.array([first, *morf, last]), np.array([first, *lerf, last]))


def area(probabilities: NDArray[Any]) -> float:
    """The paper's area under a curve: the plain mean of its (11) values; refuses NaN."""
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise MetricError("a curve is one finite probability a step; the model gave something else")
    return float(values.mean())


def morf(case: CurveCase) -> float:
    """Area under MoRF (deletion): low where the most relevant pixels are needed."""
    return area(case.morf)


def lerf(case: CurveCase) -> float:
    """Area under LeRF: high where the least relevant pixels are not needed."""
    return area(case.lerf)


def abpc(case: CurveCase) -> float:
    """LeRF - MoRF, the area between the curves; 0 for a constant map."""
    return area(case.lerf) - area(case.morf)


def _filling(pixels: NDArray[Any], fill: str | NDArray[Any]) -> NDArray[Any]:
    filling = FILLS[fill](pixels) if isinstance(fill, str) else fill
    return np.broadcast_to(filling, pixels.shape)
