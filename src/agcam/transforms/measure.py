"""Measure which part of a picture a program shows, by what it makes of pictures with one edge.

A picture that is dark before column t and light from there on has its edge, in the program's
output, where t lies in the window that is shown. The place is the sum of the dark share of a row,
which a symmetric filter leaves where it is: exact to some hundredths of a pixel for any resizing.
Several t give a line; its ends are the window. Edges that are not straight, or places that are not
on a line, are a picture that was turned or bent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import PictureError
from ..values import Frame
from .sides import Side, ends, trimmed

Array = NDArray[np.float64]
DARK, LIGHT = 64, 192  # room on both sides for filters that overshoot
STRAIGHT: Final = 1.0  # pixels of the output that an edge may sway
ON_LINE: Final = 0.8  # pixels of the output that a place may be off the line: nearest is off by .5
SHARP: Final = 0.05  # a larger error is that of a filter that skips pixels: more edges are measured
TRIES: Final = 40
REPEATS: Final = 8  # before a refusal: half of all mirrored pictures are not mirrored


@dataclass
class Ruler:
    """Measures a program once for each size of picture."""

    run: Callable[[Image.Image], Tensor]
    name: str
    known: dict[tuple[int, int], Frame] = field(default_factory=dict)

    def __call__(self, size: tuple[int, int]) -> Frame:
        """The window of a picture of `size` (width, height); PictureError where there is none."""
        if size not in self.known:
            self.known[size] = _Measurement(self.run, self.name, size).frame()
        return self.known[size]


class _Measurement:
    def __init__(
        self, run: Callable[[Image.Image], Tensor], name: str, size: tuple[int, int]
    ) -> None:
        self.run, self.name, self.size = run, name, size
        self.dark, self.light = (self._show(np.full(size[::-1], grey)) for grey in (DARK, LIGHT))
        with np.errstate(invalid="ignore"):  # infinite pixels are refused later
            lighter = self.light - self.dark
        self.contrast = contrast = np.abs(lighter)
        rows, columns = self._part(contrast)
        down, across = np.median(contrast[:, columns], 1), np.median(contrast[rows], 0)
        self.rows, self.columns = trimmed(down, rows), trimmed(across, columns)
        self.ends = {"x": ends(across, columns), "y": ends(down, rows)}
        self.sign = -1.0 if lighter.sum() < 0 else 1.0
        self.blends = False  # whether any pixel lies between dark and light: nearest never blends
        self.flat = not contrast.max() > 1e-6  # it brings every picture to the same grey

    def frame(self) -> Frame:
        first = self._edge(self.size[0] // 2, "x")
        if not np.isfinite(first).all():
            raise self._refusal("gives NaN or infinite pixels")
        self._check_repeatable(first)
        left, right = self._window("x")
        top, bottom = self._window("y")
        self._check_repeatable(first)
        return Frame(*self.size, (left, top, right, bottom))

    def _show(self, grey: NDArray[Any]) -> Array:
        """What the program makes of a grey picture, as one grey picture (row, column)."""
        picture = Image.fromarray(grey.astype(np.uint8)).convert("RGB")
        return self.run(picture).double().cpu().mean(0).numpy()

    def _edge(self, at: int, axis: Literal["x", "y"], *, whole: bool = True) -> Array:
        width, height = self.size
        line = np.where(np.arange(width if axis == "x" else height) < at, DARK, LIGHT)
        grey = np.broadcast_to(line if axis == "x" else line[:, None], (height, width))
        shown = self._show(grey)
        if whole and shown.shape != self.dark.shape:
            raise self._refusal("gives pictures of one size in different sizes")
        return shown

    def _check_repeatable(self, first: Array) -> None:
        if not _same(first, self._edge(self.size[0] // 2, "x")):
            raise self._random()

    def _part(self, contrast: Array) -> tuple[slice, slice]:
        """Rows and columns that show the picture; the rest is filled, whatever the picture."""
        seen = contrast > contrast.max() / 2
        if not seen.any():
            return slice(0, contrast.shape[0]), slice(0, contrast.shape[1])
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        if not seen[part][1:-1, 1:-1].all():  # at its corners two mixed lines meet
            raise self._refusal("turns, bends or covers parts of the picture")
        return part

    def _place(self, at: int, axis: Literal["x", "y"]) -> float:
        """Where the edge came out, in pixels of the output; infinite where it is not seen."""
        shown = self._edge(at, axis)[self.rows, self.columns]
        shown = shown if axis == "x" else shown.T
        middle = (shown.min() + shown.max()) / 2
        below, above = shown[shown <= middle], shown[shown > middle]
        if not above.size or not self._split(shown):
            darker = abs(shown - self.dark[self.rows, self.columns].mean()).mean()
            lighter = abs(shown - self.light[self.rows, self.columns].mean()).mean()
            return math.inf if darker < lighter else -math.inf
        low, high = np.median(below), np.median(above)
        share = (shown - low) / (high - low)
        share = share if self.sign > 0 else 1 - share
        if share[:, -1].mean() < share[:, 0].mean():
            raise self._refusal("mirrors the picture")
        self.blends |= bool(((share > 0.1) & (share < 0.9)).any())
        places = (1 - share).sum(1)
        if np.ptp(places) > STRAIGHT:
            raise self._refusal("turns or bends the picture")
        first: int = (self.columns if axis == "x" else self.rows).start
        return float(places.mean()) + first

    def _split(self, shown: Array) -> bool:
        """Whether there is an edge, and not the two ends of a flat picture's noise."""
        if self.flat:
            return bool(np.ptp(shown) > 1e-6)
        return bool(np.ptp(shown) > self.contrast.max() / 3)

    def _window(self, axis: Literal["x", "y"]) -> tuple[float, float]:
        length = self.size[0] if axis == "x" else self.size[1]
        total = self.dark.shape[1] if axis == "x" else self.dark.shape[0]
        side = Side(length, *self.ends[axis])
        for at in {length // 4, length // 2, 3 * length // 4} - {0, length}:
            side.places[at] = self._place(at, axis)
        for _ in range(TRIES):
            more = None if len(side.inside) >= 2 else side.between()
            if more is None:
                break
            side.places[more] = self._place(more, axis)
        if len(side.inside) < 2:
            return self._short(side, total)
        start, stop, _ = side.line(total)
        shares: tuple[float, ...] = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
        while True:
            self._more(side, axis, start, stop, shares)
            start, stop, error = side.line(total)
            if (error < SHARP and self.blends) or len(shares) > 6:
                break
            shares = tuple(np.linspace(0.04, 0.96, 47))
        if error > ON_LINE:
            raise self._refusal("bends the picture")
        return start, stop

    def _more(
        self,
        side: Side,
        axis: Literal["x", "y"],
        start: float,
        stop: float,
        shares: tuple[float, ...],
    ) -> None:
        """Edges at some shares of the window, away from its ends, where filters are cut."""
        for share in shares:
            at = round(max(start, 0) + share * (min(stop, side.length) - max(start, 0)))
            if 0 < at < side.length and at not in side.places:
                side.places[at] = self._place(at, axis)

    def _short(self, side: Side, total: int) -> tuple[float, float]:
        """A side of so few pixels that no two edges fit: all of it, on the part that shows it."""
        if side.length > 3:
            raise self._refusal("shows too little of the picture")
        first, last = side.first or 0.0, side.last or float(total)
        pixel = side.length / (last - first)
        return -first * pixel, (total - first) * pixel

    def _refusal(self, what: str) -> PictureError:
        """The refusal for a reason; first of all, a program that gives other pixels is random."""
        shown = [self._edge(self.size[0] // 3, "x", whole=False) for _ in range(REPEATS)]
        if all(_same(shown[0], repeated) for repeated in shown[1:]):
            advice = "prepare the pictures yourself and give the tensor (batch, channel, height, "
            return PictureError(f"the transform {self.name} {what}; {advice}width).")
        return self._random()

    def _random(self) -> PictureError:
        return PictureError(
            f"the transform {self.name} is random, so it does not say what the model saw; give the "
            "one that is used for evaluation."
        )


def _same(one: Array, other: Array) -> bool:
    return np.array_equal(one, other, equal_nan=True)
