"""From a pixel map to the objects that it shows: masks and boxes by one rule.

Of a clip a map is (frame, height, width), and an object goes on where its pixels touch those of
the next frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from ..errors import RenderError

Mask = NDArray[np.bool_]
Edges = Callable[[NDArray[np.float32]], NDArray[Any]]
"""Lays a mask on its picture's edges: 1 on it, 0 beside it, NaN where nothing was seen."""
Box = tuple[int, int, int, int]

FLAT: Final = 1e-5  # of a map's highest value: a smaller range is rounding
LEVELS: Final = 100  # thresholds among which a map's own is found
AROUND: Final = 0.1  # of a map's range: as near values are counted on both sides of a level
FEW: Final = 0.002  # of the pixels: a level with fewer is no emptier


@dataclass(frozen=True)
class MaskRule:
    """How a map becomes objects; found on tuning pictures, the same for all methods.

    Relevance below zero counts as zero. A pixel belongs to an object if its relevance is above a
    threshold, 0 being the lowest of the map and 1 its top. It is expected at `threshold` where the
    class is improbable, at `certain` where its probability is 1, in proportion between; a class
    that the model is sure of fills more of the picture. A map's own threshold is where few of its
    pixels lie, near the expected one (within about `reach`): there an edge is steep, and the mask
    depends least on the threshold. The top is what `peak` of the pixels exceed, but at least half
    of the way from the lowest to the highest: methods differ in how high their peaks are, and peaks
    state nothing of an object's edge. A pixel then goes with most of those around it, in a square
    of `smooth` of the longer side: hairs and specks are texture of the picture. Pixels that touch
    make one object, whose holes are filled. An object with less than `least` of the largest one's
    pixels is dropped. What the model never saw belongs to none, and a map without a range has none.

    Raises:
        RenderError: `threshold` or `certain` is not within [0, 1).
    """

    threshold: float = 0.7
    certain: float = 0.35
    least: float = 0.3
    peak: float = 0.01
    reach: float = 0.125
    smooth: float = 0.01

    def __post_init__(self) -> None:
        given: tuple[object, ...] = self.threshold, self.certain
        for value in given:
            if not isinstance(value, SupportsFloat) or not 0 <= float(value) < 1:
                raise RenderError(f"a threshold is at least 0 and below 1, not {value!r}.")

    def expected(self, probability: float | None) -> float:
        """The threshold for a class of this probability; half way where it has none."""
        share = 0.5 if probability is None else probability
        return self.threshold + (self.certain - self.threshold) * share

    def threshold_of(self, values: NDArray[np.float64], probability: float | None) -> float:
        """The threshold of one map, given its seen values within [0, 1].

        It is the level t with the least (n + FEW) exp((t - expected)^2 / (2 reach^2)), where n is
        the share of the pixels within AROUND of t.
        """
        from scipy import ndimage

        expected = self.expected(probability)
        if not self.reach:
            return expected
        bins = np.minimum(values * LEVELS, LEVELS - 1).astype(np.intp)
        counts = np.bincount(bins.ravel(), minlength=LEVELS)
        window = 2 * round(AROUND * LEVELS) + 1
        shares = window * ndimage.uniform_filter1d(counts / counts.sum(), window, mode="nearest")
        levels = (np.arange(LEVELS) + 0.5) / LEVELS
        distance = (levels - expected) / self.reach
        return float(levels[np.argmin((shares + FEW) * np.exp(distance**2 / 2))])

    @property
    def manifest(self) -> dict[str, Any]:
        """Its numbers and what they mean, ready for JSON."""
        fixed = self.threshold == self.certain
        sure = "" if fixed else f" for an improbable class to {self.certain:g} for a certain one"
        near = f", moved by about {self.reach:g} to where few pixels lie" if self.reach else ""
        text = (
            f"relevance above {self.threshold:g} of the map's range{sure}{near} (what is below "
            f"zero is zero; the highest {self.peak:.0%} of the pixels, down to half of the range, "
            f"are its top), edges smoothed over {self.smooth:.0%} of the longer side, pixels that "
            "touch are one object, holes are filled, objects with less than "
            f"{self.least:g} of the largest one's pixels are dropped"
        )
        return {**asdict(self), "text": text}


@dataclass(frozen=True, eq=False)
class Instance:
    """One object in a picture, or in a clip.

    Attributes:
        box: left, top, right, bottom in pixels; right and bottom are exclusive. Of a clip it holds
            the object in all of its frames.
        mask: (height, width) of the original picture, True on the object; of a clip (frame, height,
            width).
        score: mean relevance within the object, 1 being the top of the map.
    """

    box: Box
    mask: Mask
    score: float

    @property
    def by_frame(self) -> dict[int, Box]:
        """Of a clip the box in each frame (counted from 0) that shows the object."""
        if self.mask.ndim < 3:
            return {}
        return {number: _around(one) for number, one in enumerate(self.mask) if one.any()}


def mask_rule(threshold: float | None = None) -> MaskRule:
    """The rule of all, or with one threshold for all classes."""
    return MaskRule() if threshold is None else MaskRule(threshold, threshold, reach=0)


def instances(
    relevance: NDArray[Any],
    rule: MaskRule,
    probability: float | None = None,
    edges: Edges | None = None,
) -> list[Instance]:
    """The objects in one map (*frame, height, width), the highest score first; NaN is not seen.

    `probability` is that of the class in the picture, None if it has none. With `edges` a pixel is
    above the threshold where more than half of the mask is, once it is laid on them.
    """
    from scipy import ndimage  # a map alone needs none of it

    values = _of_range(np.asarray(relevance), rule.peak)
    if values is None:
        return []
    seen = ~np.isnan(relevance)
    above = values > rule.threshold_of(values[seen], probability)
    if edges is not None:
        inside = edges(np.where(seen, above, np.float32(np.nan))) > 0.5
        above = inside if inside.any() else above
    touching = np.ones((3,) * values.ndim)  # pixels that touch at a corner belong together
    labels, _ = ndimage.label(_smoothed(above, seen, rule.smooth), touching)
    areas = np.bincount(labels.ravel())[1:]
    places = enumerate(zip(areas, ndimage.find_objects(labels), strict=True), 1)
    # each is filled by itself: an object in the hole of another becomes a part of it
    kept = [
        _filled(labels, place, number)
        for number, (area, place) in places
        if area >= rule.least * areas.max()
    ]
    apart = [one for one in kept if not any(_within(one, other) for other in kept)]
    made = [Instance(box, mask, float(values[mask].mean())) for box, mask in apart]
    return sorted(made, key=lambda one: (-one.score, one.box))


def union(found: list[Instance], shape: tuple[int, ...]) -> Mask:
    """The pixels of all objects together (*frame, height, width)."""
    mask = np.zeros(shape, dtype=np.bool_)
    for one in found:
        mask |= one.mask
    return mask


def _of_range(values: NDArray[Any], peak: float) -> NDArray[np.float64] | None:
    """The map within [0, 1] by a rule's `peak`, 0 where not seen; None for one without a range."""
    seen = ~np.isnan(values)
    positive = np.where(seen, values, 0).clip(min=0).astype(np.float64)
    if not seen.any():
        return None
    low, high = positive[seen].min(), positive[seen].max()
    if not np.isfinite(high) or high - low <= FLAT * high:
        return None
    scaled = np.where(seen, (positive - low) / (high - low), 0.0)
    top = max(float(np.quantile(scaled[seen], 1 - peak)), 0.5)
    return np.minimum(scaled, top) / top


def _smoothed(mask: Mask, seen: Mask, share: float) -> Mask:
    """Each seen pixel as most are in the square around it; as it is if nothing would be left."""
    from scipy import ndimage

    height, width = mask.shape[-2:]
    side = 2 * int(share * max(height, width) / 2) + 1
    size = (*(1,) * (mask.ndim - 2), side, side)
    most = ndimage.uniform_filter(mask.astype(np.float32), size, mode="nearest") > 0.5
    return np.asarray(most & seen if (most & seen).any() else mask)


def _filled(labels: NDArray[np.int32], place: tuple[slice, ...], number: int) -> tuple[Box, Mask]:
    from scipy import ndimage

    mask = np.zeros(labels.shape, dtype=np.bool_)
    flat = np.zeros((3,) * labels.ndim)  # holes are those of a frame
    flat[(1,) * (labels.ndim - 2)] = ndimage.generate_binary_structure(2, 1)
    mask[place] = ndimage.binary_fill_holes(labels[place] == number, flat)
    rows, columns = place[-2:]
    return (columns.start, rows.start, columns.stop, rows.stop), mask


def _within(one: tuple[Box, Mask], other: tuple[Box, Mask]) -> bool:
    """Whether an object lies in a hole of another, which is filled."""
    (_, mask), (_, around) = one, other
    return one is not other and bool((around | ~mask).all())


def _around(mask: Mask) -> Box:
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
