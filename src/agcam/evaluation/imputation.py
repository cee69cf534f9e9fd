"""ROAD's noisy linear imputation (Rong et al., ICML 2022): no edge shows what was removed."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu
from torch import Tensor

from ..values import precise

NOISE: Final = 0.01  # standard deviation, of prepared pixels
SEED: Final = 0
WEIGHTS: Final = {
    (down, across): 1 / 6 if down * across == 0 else 1 / 12
    for down in (-1, 0, 1)
    for across in (-1, 0, 1)
    if (down, across) != (0, 0)
}


def imputed(pixels: Tensor, filling: Tensor, gone: Tensor) -> Tensor:
    """Pictures (picture, channel, row, column) whose pixels `gone` (picture, row, column) are new.

    Each is the mean of its neighbours, 1/6 for those beside it and 1/12 for those at its corners
    (shared among those that exist at the picture's edge), known or new alike, plus noise that
    is the same for every picture. A wholly replaced picture is its `filling`. Frames of a clip
    (picture, channel, frame, row, column) are imputed one by one.
    """
    if pixels.ndim == 5:
        made = [
            imputed(*frames)
            for frames in zip(pixels.unbind(2), filling.unbind(2), gone.unbind(1), strict=True)
        ]
        return torch.stack(made, 2)
    noisy, made = noise(pixels[:1])[0], []
    for picture, filled, lost in zip(pixels, filling, gone, strict=True):
        if lost.all():
            made.append(filled)
            continue
        known, new = precise(picture).cpu().double().numpy(), lost.cpu().numpy()
        solved = torch.from_numpy(solve(known, new)).to(picture) + noisy
        made.append(torch.where(lost, solved, picture))
    return torch.stack(made)


def noise(pixels: Tensor) -> Tensor:
    """ROAD's noise in the shape of pictures, from a seed, the same for each of them."""
    generator = torch.Generator().manual_seed(SEED)
    drawn = NOISE * torch.randn(pixels.shape[1:], generator=generator)
    return drawn.to(pixels).expand(pixels.shape)


def solve(picture: NDArray[Any], gone: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The picture (channel, row, column) with what `gone` (row, column) becomes, without noise."""
    result = np.array(picture, dtype=np.float64)
    rows, columns = np.nonzero(gone)
    if not len(rows):
        return result
    number = np.full(gone.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    own, right = np.zeros(len(rows)), np.zeros((len(rows), len(result)))
    places: list[NDArray[Any]] = []
    for (down, across), weight in WEIGHTS.items():
        y, x = rows + down, columns + across
        there = (y >= 0) & (y < gone.shape[0]) & (x >= 0) & (x < gone.shape[1])
        equation, y, x = np.flatnonzero(there), y[there], x[there]
        own[equation] += weight
        new = gone[y, x]
        right[equation[~new]] += weight * result[:, y[~new], x[~new]].T
        neighbours = number[y[new], x[new]]
        places.append(np.stack([equation[new], neighbours, np.full(len(neighbours), -weight)]))
    every = np.arange(len(rows))
    first, second, values = np.concatenate([*places, np.stack([every, every, own])], axis=1)
    matrix = csc_matrix((values, (first.astype(int), second.astype(int))))
    result[:, rows, columns] = splu(matrix).solve(right).T
    return result
