"""Perturbation, one pixel at a time: what the batched passes are compared with."""

import itertools
import math

import numpy as np


def slow_order(relevance, order):
    """(row, column) of the pixels in the order of their removal; of equal ones the last first."""
    sign = -1 if order == "morf" else 1
    places = itertools.product(*map(range, relevance.shape))
    return sorted(places, key=lambda p: (sign * relevance[p], -p[0], -p[1]))


def slowly_replaced(pixels, relevance, order, share, filling):
    """The picture (channel, row, column) with the first `share` of its pixels replaced."""
    replaced = pixels.copy()
    for y, x in slow_order(relevance, order)[: int(share * relevance.size + 1e-6)]:
        replaced[:, y, x] = filling[:, y, x]
    return replaced


def slow_curve(pixels, grid, order, filling, logit):
    """The logit of a picture (channel, row, column), patches filled one group after the other.

    Patches (a map without ties) go by their relevance, in at most 100 groups of one size.
    """
    rows, columns = grid.shape
    tall, wide = pixels.shape[1] // rows, pixels.shape[2] // columns
    going = [(place // columns, place % columns) for place in np.argsort(grid, axis=None)]
    if order == "mif":
        going = going[::-1]
    size = math.ceil(len(going) / 100)
    left, curve = pixels.copy(), [logit(pixels)]
    while going:
        group, going = going[:size], going[size:]
        for i, j in group:
            place = (slice(None), slice(i * tall, (i + 1) * tall), slice(j * wide, (j + 1) * wide))
            left[place] = filling[place]
        curve.append(logit(left))
    return curve


def slow_area(curve):
    """The area under a curve, one trapezoid after the other, / number of steps."""
    steps = [(first + second) / 2 for first, second in itertools.pairwise(curve)]
    return sum(steps) / len(steps)


def slow_groups(relevance, groups):
    """Lists of pixels of nearly one size, the most relevant first."""
    members = [[] for _ in range(groups)]
    for number, place in enumerate(slow_order(relevance, "morf")):
        members[number * groups // relevance.size].append(place)
    return members
