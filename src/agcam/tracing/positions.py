"""Where on the picture the keys of every attention lie: measured, then proved.

extent    how many keys hold positions at all, hence the finest grid
shares    on which rows and columns of it each key lies, and in what shares
proof     parts are exchanged that the measurement did not use: just the keys that are said to
          lie there must change
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..values import Classifier, Layout, Places
from .observe import Observation
from .probe import PositionsError, Probe

DENSITIES: Final = (0.5, 0.5, 0.3, 0.1, 0.1, 0.02, 0.02)  # of exchanged cells, in each proof
STRONG: Final = 1e-3  # the share of a key that must show
FAINT: Final = 1e-3  # of a key's change with the whole picture: a gate of the whole picture, a mean
ELSEWHERE: Final = 1e-2  # of it: what cells may add on which a key is said not to lie


@dataclass(frozen=True)
class Shares:
    """The shares of each key of one attention on the cells of each axis.

    `divided`: the keys divide the positions among them: each lies on its own in equal parts.
    """

    axes: tuple[Float[Tensor, "key _"], ...]
    divided: bool

    def of(self, masks: Tensor) -> Float[Tensor, "mask key"]:
        """The share of each key that lies within each mask (mask, *cells)."""
        places = Places(1, 1, self.axes)
        return torch.stack([places.within(mask) for mask in masks])


def find_positions(
    classifier: Classifier,
    pixels: Tensor,
    layout: Layout,
    seen: Observation,
    axes: tuple[int, ...] = (2, 3),
) -> tuple[tuple[int, ...], tuple[Places | None, ...]]:
    """The finest grid of keys, and where the keys of each attention lie on it.

    Args:
        classifier: The model.
        pixels: One input of the size in question.
        layout: States which calls count.
        seen: Sizes of feature maps and of attentions.
        axes: The axes of the input along which positions lie.

    Raises:
        PositionsError: It cannot be told, or the proof fails.

    """
    probe = Probe(classifier, pixels, layout, axes)
    everything = torch.ones(1, *(1 for _ in axes), dtype=torch.bool)
    held = probe.changes(everything)
    if any(
        order is not None and not bool(one.any())
        for order, one in zip(probe.orders, held, strict=True)
    ):
        probe.through_rows = True
        held = probe.changes(everything)
    probe.refuse_channels()
    # copies of a key, as in windows that overlap, change alike
    distinct = [len(torch.unique(one[one > 0])) for one in held]
    cells = finest_grid(distinct, seen, probe.sizes)
    _choose_stem(probe, seen, cells, held)
    shares = _proved_shares(probe, cells)
    for order, one in zip(probe.orders, shares, strict=True):
        if order is not None and not all(bool(axis.any()) for axis in one.axes):
            raise PositionsError("tokens enter an attention that reach it by attention alone")
    return cells, tuple(
        replace(order, weights=one.axes) if order is not None else None
        for order, one in zip(probe.orders, shares, strict=True)
    )


def _proved_shares(probe: Probe, cells: tuple[int, ...]) -> list[Shares]:
    """The first measurement that the proof does not refute: exchanges of random cells.

    Just the keys that are said to lie there must change.
    """
    whole = probe.changes(torch.ones(1, *cells, dtype=torch.bool))
    random = torch.Generator().manual_seed(1)
    masks = torch.stack([torch.rand(cells, generator=random) < share for share in DENSITIES])
    changes = probe.changes(masks)

    def proved(shares: list[Shares]) -> bool:
        triples = zip(shares, changes, whole, strict=True)
        return all(
            _agree(one.of(masks), change, all_, probe.noise) for one, change, all_ in triples
        )

    shares = by_bands(probe, cells, whole)
    if all(one.divided for one in shares) and proved(shares):
        return shares
    for some in by_cells(probe, cells, whole):
        if proved(some):
            return some
    raise PositionsError("its keys do not lie on rows and columns of the picture")


def _choose_stem(
    probe: Probe, seen: Observation, cells: tuple[int, ...], held: list[Tensor]
) -> None:
    """Exchange the tokens themselves, where a feature map holds them all; else pixels.

    Convolutions before it belong to the tokens, as in a Vision Transformer with a stem.
    """
    count = [int((one > 0).sum()) for one in held]
    for number in reversed(range(len(seen.maps))):
        if seen.maps[number] == cells:
            probe.stem = number
            changes = probe.changes(torch.ones(1, *cells, dtype=torch.bool))
            if [int((one > 0).sum()) for one in changes] == count:
                return
    probe.stem = None


def finest_grid(keys: list[int], seen: Observation, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The finest grid: a feature map of as many cells as an attention has rows or different keys.

    Or square cells, as many as the keys of the attention that has most.
    """
    most, rows = max(keys, default=0), [call.batch * call.queries for call in seen.calls]
    if most == 0:
        raise PositionsError("no value of its attention changes with the picture")
    maps = [one for one in seen.maps if math.prod(one) > 1]
    fitting = [one for one in maps if math.prod(one) in (*keys, *rows)]
    if fitting:
        return max(fitting, key=math.prod)
    side = (math.prod(sizes) / most) ** (1 / len(sizes))
    square = tuple(round(size / side) for size in sizes)
    if math.prod(square) == most:
        return square
    # heads that share an axis with windows have keys of their own; windows that overlap, copies
    smaller = [one for one in maps if math.prod(one) < most]
    if not smaller:
        raise PositionsError(f"its {most} keys form no grid")
    return max(smaller, key=lambda one: (most % math.prod(one) == 0, math.prod(one)))


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


def _agree(expected: Tensor, changes: Tensor, whole: Tensor, noise: float) -> bool:
    """Whether keys change (mask key) where shares of them are exchanged, and not elsewhere."""
    elsewhere = (expected == 0) & (changes > ELSEWHERE * whole)
    would_show = (expected > STRONG) & (expected * whole > 100 * noise)
    return not bool((elsewhere | (would_show & (changes == 0))).any())
