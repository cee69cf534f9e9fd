"""The outline of an object: exact along the edges of its pixels, or with few corners to edit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from ..maps import Mask

Corner = tuple[int, int]
Corners = Float[NDArray[np.float64], "corner 2"]

DISTANCES: Final = (0.5, 0.75, 1.0)
"""How far a simple outline may run from the middles of the edges of pixels: in pixels, and beyond a
longer side of 1,000 in thousandths of that."""
LEAST: Final = 0.99  # IoU with the mask, and share of its area, of an outline that is taken


def outline(mask: Mask) -> list[Corner]:
    """The corners (x, y) around an object without holes, clockwise from its topmost left one.

    Pixels that touch at a corner belong together: such a corner is passed twice.
    """
    steps: dict[Corner, list[Corner]] = {}
    down, across = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    top, left = int(down[0]), int(across[0])
    cropped = mask[top : down[-1] + 1, left : across[-1] + 1]  # an object is small in its picture
    for start, end in _edges(np.pad(cropped, 1), left, top):
        steps.setdefault(start, []).append(end)
    first = min(steps, key=lambda corner: (corner[1], corner[0]))
    corners, at, heading = [first], first, (1, 0)
    while True:
        following = _next(steps[at], at, heading)
        steps[at].remove(following)
        turned = following[0] - at[0], following[1] - at[1]
        if turned != heading:
            corners.append(at)
        at, heading = following, turned
        if at == first and not steps[first]:
            return corners


def simple_outline(mask: Mask) -> list[list[float]]:
    """An outline (x, y) to be moved by hand: of those nearly equal to the mask, the shortest.

    A staircase is a slope to whoever edits it, so lines may leave the middles of pixels' edges by
    up to a pixel (Douglas and Peucker; in a larger picture up to a thousandth of its longer side),
    as long as IoU and area are within 1 % of the mask's.
    """
    exact = np.array(outline(mask), dtype=np.float64)
    middles = np.concatenate(
        [
            start + (np.arange(steps) + 0.5)[:, None] * ((end - start) / steps)
            for start, end in pairwise([*exact, exact[0]])
            if (steps := round(abs(end - start).sum()))
        ]
    )
    found, unit = [exact], max(1, max(mask.shape) / 1000)
    for distance in DISTANCES:
        corners = _thinned(middles, distance * unit)
        drawn = filled(corners, mask.shape)
        overlap = (drawn & mask).sum() / (drawn | mask).sum()
        if overlap > LEAST and abs(_area(corners) / mask.sum() - 1) < 1 - LEAST:
            found.append(corners)
    return [[float(x), float(y)] for x, y in min(found, key=len)]


def filled(corners: Corners, shape: tuple[int, ...]) -> Mask:
    """The pixels (height, width) whose centres lie in a polygon."""
    crossed = np.zeros((shape[0], shape[1] + 1), dtype=bool)
    for (x, y), (to_x, to_y) in pairwise([*corners, corners[0]]):
        first, last = np.ceil(np.array(sorted((y, to_y))) - 0.5).astype(int)
        rows = np.arange(first, last)
        if rows.size:
            across = x + (rows + 0.5 - y) * (to_x - x) / (to_y - y)
            crossed[rows, np.ceil(across - 0.5).astype(int)] ^= True
    return np.asarray(np.logical_xor.accumulate(crossed, axis=1)[:, :-1])


def _area(corners: Corners) -> float:
    x, y = corners.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2)


def _thinned(points: Corners, distance: float) -> Float[NDArray[np.float64], "left 2"]:
    """The corners of a closed line that no dropped point is further from than `distance`."""
    furthest = int(np.argmax(np.square(points - points[0]).sum(1)))
    closed, kept = np.concatenate([points, points[:1]]), {0, furthest}
    parts = [(0, furthest), (furthest, len(points))]
    while parts:
        start, end = parts.pop()
        if end - start < 2:
            continue
        line, others = closed[end] - closed[start], closed[start + 1 : end] - closed[start]
        along = np.clip(others @ line / max(line @ line, 1e-9), 0, 1)
        away = np.hypot(*(others - along[:, None] * line).T)
        if away.max() > distance:
            middle = start + 1 + int(away.argmax())
            kept.add(middle)
            parts += [(start, middle), (middle, end)]
    return np.asarray(points[sorted(kept)])


def _edges(padded: Mask, left: int, top: int) -> Iterator[tuple[Corner, Corner]]:
    """The edges between on and off of a part of a picture, each with the object at its right."""
    on = padded[1:-1, 1:-1]
    sides = (
        (~padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: from left to right
        (~padded[1:-1, 2:], (1, 0), (1, 1)),  # at the right: down
        (~padded[2:, 1:-1], (1, 1), (0, 1)),  # below: from right to left
        (~padded[1:-1, :-2], (0, 1), (0, 0)),  # at the left: up
    )
    for off, start, end in sides:
        for y, x in np.argwhere(on & off).tolist():
            at = x + left, y + top
            yield (at[0] + start[0], at[1] + start[1]), (at[0] + end[0], at[1] + end[1])


def _next(ends: list[Corner], at: Corner, heading: Corner) -> Corner:
    """The next corner; where two objects' corners touch, the one at the left, across to it."""
    left = at[0] + heading[1], at[1] - heading[0]
    return left if left in ends else ends[0]
