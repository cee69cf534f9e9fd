"""One side of a picture: where edges come out that lie across it, and the line through them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .measure import Program

Array = NDArray[np.float64]
STRAIGHT: Final = 1.0  # pixels of the output that an edge may sway
ON_LINE: Final = 0.8  # pixels of the output that a place may be off the line: nearest is off by .5
SHARP: Final = 0.05  # a larger error is that of a filter that skips pixels: more edges are measured
TRIES: Final = 40
FEW: Final = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75)
MANY: Final = tuple(np.linspace(0.04, 0.96, 47))


class Side:
    """The width of a program's pictures, measured by edges between columns.

    `dark` and `light` are what the program shows of flat pictures. `places` are edges that were
    tried, and where they came out, in pixels of the output; infinite where they are not seen.
    `first` and `last` are the picture's own ends, where something is filled in beside them.
    `blends` is whether any pixel lies between dark and light: nearest never blends.
    """

    def __init__(
        self, program: Program, dark: Array, light: Array, *, blends: bool = False
    ) -> None:
        self.program, self.blends = program, blends
        self.length, self.total = program.width, dark.shape[1]
        with np.errstate(invalid="ignore"):  # infinite pixels are refused later
            lighter = light - dark
        contrast = np.abs(lighter)
        rows, columns = self._part(contrast)
        across = np.median(contrast[rows], 0)
        self.rows = _trimmed(np.median(contrast[:, columns], 1), rows)
        self.columns = _trimmed(across, columns)
        self.first, self.last = _ends(across, columns)
        self.dark = dark[self.rows, self.columns].mean()
        self.light = light[self.rows, self.columns].mean()
        self.inverted = bool(lighter.sum() < 0)
        # a program may bring every flat picture to the same grey
        self.least = contrast.max() / 3 if contrast.max() > 1e-6 else 1e-6
        self.shape = dark.shape
        self.places: dict[int, float] = {}

    def window(self) -> tuple[float, float]:
        """Where the output begins and ends in the picture, in its pixels; raises PictureError."""
        self._try({self.length // 4, self.length // 2, 3 * self.length // 4})
        for _ in range(TRIES):
            more = None if len(self._seen()) >= 2 else self._between()
            if more is None:
                break
            self._try({more})
        if len(self._seen()) < 2:
            return self._of_few_pixels()
        for shares in (FEW, MANY):
            start, stop, error = self._line()
            low, high = max(start, 0), min(stop, self.length)
            self._try({round(low + share * (high - low)) for share in shares})
            start, stop, error = self._line()
            if error < SHARP and self.blends:
                break
        if error > ON_LINE:
            raise self.program.refusal("bends the picture")
        return start, stop

    def _try(self, edges: set[int]) -> None:
        """Measure edges, but for those at the ends and those that are known."""
        for at in sorted(edges - self.places.keys()):
            if 0 < at < self.length:
                self.places[at] = self._place(at)

    def _part(self, contrast: Array) -> tuple[slice, slice]:
        """Rows and columns that show the picture; the rest is filled, whatever the picture."""
        seen = contrast > contrast.max() / 2
        if not seen.any():
            return slice(0, contrast.shape[0]), slice(0, contrast.shape[1])
        rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
        part = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
        if not seen[part][1:-1, 1:-1].all():  # at its corners two mixed lines meet
            raise self.program.refusal("turns, bends or covers parts of the picture")
        return part

    def _place(self, at: int) -> float:
        """Where the edge came out, in pixels of the output; infinite where it is not seen."""
        shown = self.program.edge(at)
        if shown.shape != self.shape:
            raise self.program.refusal("gives pictures of one size in different sizes")
        shown = shown[self.rows, self.columns]
        middle = (shown.min() + shown.max()) / 2
        below, above = shown[shown <= middle], shown[shown > middle]
        if not above.size or not np.ptp(shown) > self.least:
            darker, lighter = abs(shown - self.dark).mean(), abs(shown - self.light).mean()
            return math.inf if darker < lighter else -math.inf
        low, high = np.median(below), np.median(above)
        share = (shown - low) / (high - low)
        share = 1 - share if self.inverted else share
        if share[:, -1].mean() < share[:, 0].mean():
            raise self.program.refusal("mirrors the picture")
        self.blends |= bool(((share > 0.1) & (share < 0.9)).any())
        places = (1 - share).sum(1)
        if np.ptp(places) > STRAIGHT:
            raise self.program.refusal("turns or bends the picture")
        first: int = self.columns.start
        return float(places.mean()) + first

    def _seen(self) -> list[int]:
        """The edges that are seen, in order."""
        return sorted(at for at, place in self.places.items() if np.isfinite(place))

    def _between(self) -> int | None:
        """The next edge to try: between those that are seen and the nearest that is not."""
        seen = self._seen()
        before = max([0, *(at for at, place in self.places.items() if place == -np.inf)])
        after = min([self.length, *(at for at, place in self.places.items() if place == np.inf)])
        tries = [(before + after) // 2]
        if seen:
            tries = [(before + seen[0]) // 2, (seen[-1] + after + 1) // 2]
        return next((at for at in tries if 0 < at < self.length and at not in self.places), None)

    def _line(self) -> tuple[float, float, float]:
        """Where the output begins and ends in the picture, and the largest error of a place.

        The error is in pixels of the output. Of a few edges the outermost do not count, for
        filters are cut at the ends of a picture; of many (nearest) all count.
        """
        edges = np.array(self._seen(), dtype=float)
        places = np.array([self.places[at] for at in self._seen()])
        low, high = places.min(), places.max()
        margin = 0.2 * (high - low) if len(edges) > 6 else 0.0
        middle = (places >= low + margin) & (places <= high - margin)
        if middle.sum() >= 4 and len(edges) < 20:
            edges, places = edges[middle], places[middle]
        known = [(0, self.first), (self.length, self.last)]
        edges = np.append(edges, [at for at, end in known if end is not None])
        places = np.append(places, [end for _, end in known if end is not None])
        slope, start = np.polyfit(places, edges, 1)
        off = np.abs(np.polyval((slope, start), places) - edges).max() / max(slope, 1e-9)
        return float(start), float(start + slope * self.total), float(off)

    def _of_few_pixels(self) -> tuple[float, float]:
        """A side of so few pixels that no two edges fit: all of it, on the part that shows it."""
        if self.length > 3:
            raise self.program.refusal("shows too little of the picture")
        first, last = self.first or 0.0, self.last or float(self.total)
        pixel = self.length / (last - first)
        return -first * pixel, (self.total - first) * pixel


def _trimmed(contrast: Array, part: slice) -> slice:
    """Without the lines at the ends that are mixed with what is filled in beside the picture."""
    values = contrast[part]
    whole = np.flatnonzero(np.abs(values - np.median(values)) <= 0.01 * np.median(values))
    if not whole.size or whole[-1] - whole[0] < len(values) / 2:
        return part
    return slice(part.start + int(whole[0]), part.start + int(whole[-1]) + 1)


def _ends(contrast: Array, part: slice) -> tuple[float | None, float | None]:
    """Where the picture begins and ends in the output; None where it reaches to the border."""
    middle = (part.start + part.stop) // 2
    whole: Any = np.median(contrast[part])
    share = contrast / (whole if whole > 0 else 1)
    first = middle - float(share[:middle].sum()) if part.start > 0 else None
    last = middle + float(share[middle:].sum()) if part.stop < len(share) else None
    return first, last
