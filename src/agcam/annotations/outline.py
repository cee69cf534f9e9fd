"""The outline of an object along the edges of its pixels: exact, not smoothed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..maps import Mask

Corner = tuple[int, int]


def outline(mask: Mask) -> list[Corner]:
    """The corners (x, y) around an object without holes, clockwise from its topmost left one.

    Pixels that touch at a corner belong together: such a corner is passed twice.
    """
    steps: dict[Corner, list[Corner]] = {}
    for start, end in _edges(np.pad(mask, 1)):
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


def _edges(padded: Mask) -> Iterator[tuple[Corner, Corner]]:
    """The edges between on and off, each with the object at its right."""
    on = padded[1:-1, 1:-1]
    sides = (
        (~padded[:-2, 1:-1], (0, 0), (1, 0)),  # above: from left to right
        (~padded[1:-1, 2:], (1, 0), (1, 1)),  # at the right: down
        (~padded[2:, 1:-1], (1, 1), (0, 1)),  # below: from right to left
        (~padded[1:-1, :-2], (0, 1), (0, 0)),  # at the left: up
    )
    for off, start, end in sides:
        for y, x in np.argwhere(on & off).tolist():
            yield (x + start[0], y + start[1]), (x + end[0], y + end[1])


def _next(ends: list[Corner], at: Corner, heading: Corner) -> Corner:
    """The next corner; where two objects' corners touch, the one at the left, across to it."""
    left = at[0] + heading[1], at[1] - heading[0]
    return left if left in ends else ends[0]
