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
