"""On which cells of the grid keys (or rows) lie, and in what shares: measured by exchanges."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..values import Places
from ..values.places import Axes
from .probe import Probe

STRONG: Final = 1e-3  # the share of a key that must show
FAINT: Final = 1e-3  # of a key's change with the whole picture: a gate of the whole picture, a mean
ELSEWHERE: Final = 1e-2  # of it: what cells may add on which a key is said not to lie


@dataclass(frozen=True)
class Shares:
    """The shares of each key of one attention on the cells of each axis.

    `divided`: the keys divide the positions among them: each lies on its own in equal parts.
    """

    axes: Axes
    divided: bool

    def of(self, masks: Tensor) -> Float[Tensor, "mask key"]:
        """The share of each key that lies within each mask (mask, *cells)."""
        places = Places(1, 1, self.axes)
        return torch.stack([places.within(mask) for mask in masks])


def by_bands(probe: Probe, cells: tuple[int, ...], whole: list[Tensor]) -> list[Shares]:
    """Shares by few passes, for keys that divide the positions among them.

    A key lies where its band of cells (0 to 7, 8 to 15 ...) and its cell's number within the band
    meet. Where keys overlap that says too much, which the proof shows.
    """
    kinds = []
    for axis, count in enumerate(cells):
        band = 2 ** math.ceil(math.log2(count) / 2)
        places = torch.arange(count)
        kinds += [(axis, places // band == one) for one in range(math.ceil(count / band))]
        kinds += [(axis, places % band == one) for one in range(min(band, count))]
    found = []
    changes = probe.changes(torch.stack([_slab(cells, *kind) for kind in kinds]))
    for change, all_ in zip(changes, whole, strict=True):
        axes, hits = [], change > FAINT * all_
        for axis, count in enumerate(cells):
            band = 2 ** math.ceil(math.log2(count) / 2)
            own = hits[[kind[0] == axis for kind in kinds]].T
            places, bands = torch.arange(count), math.ceil(count / band)
            axes.append((own[:, places // band] & own[:, bands + places % band]).double())
        found.append(_shares(axes))
    return found


def by_cells(probe: Probe, cells: tuple[int, ...], whole: list[Tensor]) -> Iterator[list[Shares]]:
    """Shares by a pass for each row and column; as changes are strong where keys overlap.

    First without what is faint (squeeze and excitation lets every cell move every key a little),
    then with it.
    """
    kinds = [
        (axis, torch.arange(count) == one)
        for axis, count in enumerate(cells)
        for one in range(count)
    ]
    changes = probe.changes(torch.stack([_slab(cells, *kind) for kind in kinds]))
    for faint in (FAINT, 0.0):
        strong = [
            torch.where(change > faint * all_, change, 0.0)
            for change, all_ in zip(changes, whole, strict=True)
        ]
        yield [_shares([axis.T for axis in torch.split(one, list(cells))]) for one in strong]


def _slab(cells: tuple[int, ...], axis: int, chosen: Tensor) -> Tensor:
    """A mask of the grid: all cells whose place on one axis is chosen."""
    shape = [1] * len(cells)
    shape[axis] = -1
    return chosen.reshape(shape).expand(cells)


def _shares(axes: list[Tensor]) -> Shares:
    """Shares of changes (key cell) along each axis: equal ones where the keys divide the cells."""
    divided = all(_divide(one > 0) for one in axes)
    parts = [(one > 0).double() if divided else one.double() for one in axes]
    sums = [one / one.sum(1, keepdim=True).clamp(min=1e-300) for one in parts]
    return Shares(tuple(sums), divided)


def _divide(lie: Bool[Tensor, "key cell"]) -> bool:
    """Whether keys lie on the same cells of an axis or on none in common, and not all on all."""
    kinds = torch.unique(lie[lie.any(1)], dim=0)
    return not bool((kinds.sum(0) > 1).any()) and (
        len(kinds) > 1 or len(lie) == 1 or lie.shape[1] == 1
    )


def agree(
    expected: Tensor, changes: Tensor, whole: Tensor, noise: float, missed: float = 0.0
) -> bool:
    """Whether keys change (mask key) where shares of them are exchanged, and not elsewhere.

    A part of those that should may not: a maximum over tokens does not always show one of them.
    """
    elsewhere = (expected == 0) & (changes > ELSEWHERE * whole)
    would_show = (expected > STRONG) & (expected * whole > 100 * noise)
    unseen = would_show & (changes == 0)
    return not bool(elsewhere.any()) and int(unseen.sum()) <= missed * int(would_show.sum())
