"""Parts, masks and imputation, one pixel at a time: what the fast ones are compared with."""

import itertools

import numpy as np


def slow_share(relevance, mask):
    """Positive relevance on the mask, by sums over single pixels; NaN and -1 count nowhere."""
    inside = total = pixels = 0.0
    for place in np.ndindex(relevance.shape):
        if mask[place] < 0 or np.isnan(relevance[place]):
            continue
        pixels += 1
        total += max(relevance[place], 0)
        inside += max(relevance[place], 0) * (mask[place] == 1)
    if total:
        return inside / total
    judged = (mask >= 0) & ~np.isnan(relevance)
    return (mask[judged] == 1).sum() / pixels


def slow_dilated(mask, around):
    """Every pixel that is at most `around` rows and columns from one of the mask."""
    wide = np.zeros_like(mask)
    for y, x in np.argwhere(mask):
        wide[max(y - around, 0) : y + around + 1, max(x - around, 0) : x + around + 1] = True
    return wide


def slow_imputed(picture, gone):
    """ROAD's equations for one channel, written out one by one and solved as a full matrix."""
    places = [tuple(place) for place in np.argwhere(gone)]
    matrix, right = np.zeros((len(places), len(places))), np.zeros(len(places))
    for row, (y, x) in enumerate(places):
        for down, across in itertools.product((-1, 0, 1), repeat=2):
            near = (y + down, x + across)
            inside = 0 <= near[0] < gone.shape[0] and 0 <= near[1] < gone.shape[1]
            if not inside or (down, across) == (0, 0):
                continue
            weight = 1 / 6 if 0 in (down, across) else 1 / 12
            matrix[row, row] += weight
            if gone[near]:
                matrix[row, places.index(near)] -= weight
            else:
                right[row] += weight * picture[near]
    made = picture.astype(float).copy()
    made[gone] = np.linalg.solve(matrix, right)
    return made
