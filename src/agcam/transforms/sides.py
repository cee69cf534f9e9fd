"""One side of a picture: where edges came out, and the line through their places."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Side:
    """One side of a picture: the edges that were tried, and where they came out.

    `first` and `last` are the picture's own ends, where something is filled in beside them.
    """

    length: int
    first: float | None = None
    last: float | None = None
    places: dict[int, float] = field(default_factory=dict)

    @property
    def inside(self) -> list[int]:
        """The edges that are seen, in order."""
        return sorted(at for at, place in self.places.items() if np.isfinite(place))

    def between(self) -> int | None:
        """The next edge to try: between those that are seen and the nearest that is not."""
        seen = self.inside
        before = max([0, *(at for at, place in self.places.items() if place == -np.inf)])
        after = min([self.length, *(at for at, place in self.places.items() if place == np.inf)])
        tries = [(before + after) // 2]
        if seen:
            tries = [(before + seen[0]) // 2, (seen[-1] + after + 1) // 2]
        return next((at for at in tries if 0 < at < self.length and at not in self.places), None)

    def line(self, total: int) -> tuple[float, float, float]:
        """Where an output of `total` pixels begins and ends in the picture, and the largest error.

        The error is in pixels of the output. Of a few edges the outermost do not count, for
        filters are cut at the ends of a picture; of many (nearest) all count.
        """
        edges = np.array(self.inside, dtype=float)
        places = np.array([self.places[at] for at in self.inside])
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
        return float(start), float(start + slope * total), float(off)


def trimmed(contrast: Array, part: slice) -> slice:
    """Without the lines at the ends that are mixed with what is filled in beside the picture."""
    values = contrast[part]
    whole = np.flatnonzero(np.abs(values - np.median(values)) <= 0.01 * np.median(values))
    if not whole.size or whole[-1] - whole[0] < len(values) / 2:
        return part
    return slice(part.start + int(whole[0]), part.start + int(whole[-1]) + 1)


def ends(contrast: Array, part: slice) -> tuple[float | None, float | None]:
    """Where the picture begins and ends in the output; None where it reaches to the border."""
    middle = (part.start + part.stop) // 2
    whole = np.median(contrast[part])
    share = contrast / (whole if whole > 0 else 1)
    first = middle - float(share[:middle].sum()) if part.start > 0 else None
    last = middle + float(share[middle:].sum()) if part.stop < len(share) else None
    return first, last
