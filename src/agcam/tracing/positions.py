"""Where on the picture the keys of every attention lie: measured, then proved.

extent    how many keys hold positions at all, hence the finest grid
shares    on which rows and columns of it each key lies, and in what shares
proof     parts are exchanged that the measurement did not use: just the keys that are said to
          lie there must change
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Final, NamedTuple

import torch
from torch import Tensor

from ..values import Classifier, Layout, Places
from ..values.places import Axes
from .exchange import PositionsError
from .observe import Observation
from .probe import Probe
from .shares import FAINT, Shares, agree, by_bands, by_cells

DENSITIES: Final = (0.5, 0.5, 0.3, 0.1, 0.1, 0.02, 0.02)  # of exchanged cells, in each proof
MISSED: Final = 0.1  # of rows: pooled by a maximum


class Found(NamedTuple):
    """The finest grid, where each attention lies on it, and the convolution that gives its tokens.

    `shown`: whether the queries of each attention change just where its rows are said to lie.
    `through_rows`: tokens reach some attention by attention alone.
    `stem` is the number of that convolution in a pass; None: the grid is one of pixels.
    """

    cells: tuple[int, ...]
    places: tuple[Places | None, ...]
    shown: tuple[bool, ...]
    stem: int | None
    through_rows: bool


def find_positions(
    classifier: Classifier,
    pixels: Tensor,
    layout: Layout,
    seen: Observation,
    axes: tuple[int, ...] = (2, 3),
    seed: int = 0,
) -> Found:
    """The finest grid of keys, and where the keys and rows of each attention lie on it.

    Args:
        classifier: The model.
        pixels: One input of the size in question.
        layout: States which calls count.
        seen: Sizes of feature maps and of attentions.
        axes: The axes of the input along which positions lie.
        seed: Of the noise.

    Raises:
        PositionsError: It cannot be told, or the proof fails.

    """
    probe = Probe(classifier, pixels, layout, axes, seed)
    everything, count = torch.ones(1, *(1 for _ in axes), dtype=torch.bool), len(probe.orders)
    held = probe.changes(everything)[:count]
    if any(
        order is not None and not bool(one.any())
        for order, one in zip(probe.orders, held, strict=True)
    ):
        probe.through_rows = True
        held = probe.changes(everything)[:count]
    probe.leave_out_channels()
    pairs = zip(probe.orders, held, strict=True)
    held = [one[:, :0] if order is None else one for order, one in pairs]
    # copies of a key, as in windows that overlap, change alike
    distinct = [len(torch.unique(one[one > 0])) for one in held]
    cells = finest_grid(distinct, seen, probe.sizes)
    _choose_stem(probe, seen, cells, held)
    keys, rows, shown = _proved_shares(probe, cells)
    for order, one in zip(probe.orders, keys, strict=True):
        if order is not None and not all(bool(axis.any()) for axis in one.axes):
            raise PositionsError(
                "some of its keys are made by attention alone (latents, merged tokens), and so lie "
                "nowhere on the picture"
            )
    places = tuple(
        replace(order, weights=of_keys.axes, rows=of_rows) if order is not None else None
        for order, of_keys, of_rows in zip(probe.orders, keys, rows, strict=True)
    )
    return Found(cells, places, shown, probe.stem, probe.through_rows)


def _proved_shares(
    probe: Probe, cells: tuple[int, ...]
) -> tuple[list[Shares], list[Axes], tuple[bool, ...]]:
    """The first measurement of keys that the proof does not refute: exchanges of random cells.

    Just the keys that are said to lie there must change. Then the shares of each attention's rows:
    as its keys lie where there are as many, else as they were measured, none where refuted; and
    whether the queries show them there.
    """
    whole = probe.changes(torch.ones(1, *cells, dtype=torch.bool))
    random = torch.Generator().manual_seed(1)
    masks = torch.stack([torch.rand(cells, generator=random) < share for share in DENSITIES])
    changes, count = probe.changes(masks), len(probe.orders)
    pairs = list(zip(changes, whole, strict=True))
    valid = [
        probe.shows_rows(n, keys > FAINT * all_) for n, (keys, all_) in enumerate(pairs[:count])
    ]

    def proved(shares: Shares, number: int) -> bool:
        return agree(shares.of(masks), *pairs[number], probe.noise)

    def rows(measured: list[Shares], number: int) -> tuple[Axes, bool]:
        keys, own = measured[number], measured[count + number]
        as_keys = keys.axes[0].shape == own.axes[0].shape
        one, (change, all_) = keys if as_keys else own, pairs[count + number]
        expected, change = (
            torch.where(valid[number], some, 0.0) for some in (one.of(masks), change)
        )
        if probe.through_rows:  # what leaves a row is added to nothing that lies there
            return (), False
        shown = agree(expected, change, all_, probe.noise, MISSED)
        return (one.axes if as_keys or shown else ()), shown

    bands = [by_bands(probe, cells, whole)]
    if not all(one.divided for one in bands[0][:count]):
        bands = []
    for measured in itertools.chain(bands, by_cells(probe, cells, whole)):
        if all(proved(one, number) for number, one in enumerate(measured[:count])):
            axes, shown = zip(*(rows(measured, number) for number in range(count)), strict=True)
            return measured[:count], list(axes), shown
    raise PositionsError("its keys do not lie on rows and columns of the picture")


def _choose_stem(
    probe: Probe, seen: Observation, cells: tuple[int, ...], held: list[Tensor]
) -> None:
    """Exchange the tokens themselves, where a feature map holds them all; else pixels.

    Convolutions before it belong to the tokens, as in a Vision Transformer with a stem.
    """
    if probe.axes != (2, 3):  # a map of a clip or a sound may have other axes than its pixels
        return
    count = [int((one > 0).sum()) for one in held]
    for number in reversed(range(len(seen.maps))):
        if seen.maps[number] == cells:
            probe.stem = number
            changes = probe.changes(torch.ones(1, *cells, dtype=torch.bool))[: len(held)]
            if [int((one > 0).sum()) for one in changes] == count:
                return
    probe.stem = None


def finest_grid(keys: list[int], seen: Observation, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The finest grid: a feature map of as many cells as an attention has rows or different keys.

    Or square cells, as many as the keys of the attention that has most, where they are finer.
    """
    most, rows = max(keys, default=0), [call.batch * call.queries for call in seen.calls]
    if most == 0:
        raise PositionsError("no value of its attention changes with the picture")
    maps = [one for one in seen.maps if math.prod(one) > 1]
    fitting = [one for one in maps if math.prod(one) in (*keys, *rows)]
    side = (math.prod(sizes) / most) ** (1 / len(sizes))
    square = tuple(round(size / side) for size in sizes)
    if math.prod(square) == most:
        fitting.append(square)
    if fitting:
        return max(fitting, key=math.prod)
    # heads that share an axis with windows have keys of their own; windows that overlap, copies
    smaller = [one for one in maps if math.prod(one) < most]
    if not smaller:  # as do rows, where all keys are pooled
        smaller = [one for one in maps if max(rows) % math.prod(one) == 0]
    if not smaller:
        raise PositionsError(f"its {most} keys form no grid")
    return max(smaller, key=lambda one: (most % math.prod(one) == 0, math.prod(one)))
