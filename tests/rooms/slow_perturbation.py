"""Perturbation, one pixel at a time: what the batched passes are compared with."""

import itertools


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


def slow_groups(relevance, groups):
    """Lists of pixels of nearly one size, the most relevant first."""
    members = [[] for _ in range(groups)]
    for number, place in enumerate(slow_order(relevance, "morf")):
        members[number * groups // relevance.size].append(place)
    return members
