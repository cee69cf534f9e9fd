"""The grid of the patch tokens, measured: which part of the input each of them is made of.

No count and no name is trusted. A token that enters the first block has a gradient at just the
pixels that it is made of, its field. The next token's field lies further along one axis, the
fastest; where it starts over the next axis moves. Then every row, column and time step as a whole
must have a field of its own, at equal distances.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..values import Grid, Medium
from .untraceable import SCATTERED, UntraceableError


class Entry(NamedTuple):
    """What enters the first block.

    `tokens` (token, dim) have a graph that leads to `pixels` (1, ...), where there is one;
    `changed` are the tokens that another input changes, the patches; `token_dim` is their axis in
    the sequence.
    """

    tokens: Tensor
    pixels: Tensor
    changed: Tensor
    token_dim: int


class Span(NamedTuple):
    """A part of one axis of the input: from `start` up to `stop`."""

    start: int
    stop: int


class Fields:
    """The parts of the input that tokens have a gradient at."""

    def __init__(self, entry: Entry) -> None:
        self._tokens, self._pixels = entry.tokens, entry.pixels
        generator = torch.Generator().manual_seed(0)
        # a plain sum has no gradient behind a norm
        random = torch.randn(self._tokens.shape, generator=generator)
        self._random = random.to(self._tokens)

    def of(self, tokens: Iterable[int]) -> tuple[Span, ...]:
        """On each axis of the input (the batch too), the span that some of these tokens touch."""
        seeds, some = torch.zeros_like(self._random), list(tokens)
        seeds[some] = self._random[some]
        (gradient,) = torch.autograd.grad(self._tokens, self._pixels, seeds, retain_graph=True)
        touched = gradient.ne(0)
        return tuple(_span(touched, axis) for axis in range(touched.ndim))


def _span(touched: Tensor, axis: int) -> Span:
    lines = touched.movedim(axis, 0).flatten(1).any(1).nonzero()
    return Span(int(lines[0]), int(lines[-1]) + 1) if len(lines) else Span(0, 0)


def measured_grid(entry: Entry, medium: Medium, name: str) -> Grid | None:
    """The grid; None where it cannot be measured: no graph, or each token is made of everything.

    Raises:
        UntraceableError: The fields of the tokens form no grid.

    """
    if not entry.tokens.requires_grad:
        return None
    fields, patches = Fields(entry), entry.changed.nonzero()[:, 0].tolist()
    axes = medium.sides
    found = _walk(fields, patches, axes)
    if found is None:
        return None
    lengths = dict(reversed(found))  # the slowest axis first
    if math.prod(lengths.values()) < len(patches):
        raise UntraceableError(SCATTERED.format(name=name))
    tokens, known = np.array(patches).reshape([*lengths.values()]), list(lengths)
    tokens = tokens.transpose([known.index(axis) for axis in axes if axis in lengths])
    tokens = tokens.reshape([lengths.get(axis, 1) for axis in axes])
    extents = []
    for side, axis in enumerate(axes):
        tokens, extent = _in_order(fields, tokens, side, axis, entry.pixels.shape[axis], name)
        extents.append(extent)
        if medium.axes[axis - 1].startswith("-"):
            tokens, extents[-1] = np.flip(tokens, side), (1 - extent[1], 1 - extent[0])
    return _grid(tokens, len(entry.changed), extents)


def _walk(fields: Fields, patches: list[int], axes: Sequence[int]) -> list[tuple[int, int]] | None:
    """(axis, length) of the grid, the fastest first; None where fields do not differ.

    What is left of the patches where the walk meets no grid is missing in the lengths.
    """
    first, found = fields.of(patches[:1]), list[tuple[int, int]]()
    step, left = 1, len(patches)
    while left > 1:
        second = fields.of([patches[step]])
        moved = [axis for axis in axes if second[axis] != first[axis]]
        if not moved:
            return None
        if len(moved) > 1 or moved[0] in dict(found):
            break
        axis, divisors = moved[0], [n for n in range(2, left + 1) if left % n == 0]
        length = next(
            n for n in divisors if n == left or fields.of([patches[step * n]])[axis] == first[axis]
        )
        found.append((axis, length))
        step, left = step * length, left // length
    return found


def _in_order(
    fields: Fields, tokens: NDArray[np.int_], side: int, axis: int, length: int, name: str
) -> tuple[NDArray[np.int_], tuple[float, float]]:
    """The tokens in the order of one axis of the input, and where their outer edges lie on it.

    Every index has the field of all its tokens: a token elsewhere would widen it.
    """
    count = tokens.shape[side]
    spans = [fields.of(tokens.take(at, side).ravel().tolist())[axis] for at in range(count)]
    if count > 1 and spans[0] > spans[-1]:
        tokens, spans = np.flip(tokens, side), spans[::-1]
    step, centres = float(spans[0].stop - spans[0].start), _centres(spans, length)
    if count > 1:
        step = (centres[-1] - centres[0]) / (count - 1)
        if not _at_equal_distances(centres, step):
            step, centres = _by_edges(spans, length, name)
    return tokens, (
        float((centres[0] - step / 2) / length),
        float((centres[-1] + step / 2) / length),
    )


def _centres(spans: Sequence[Span], length: int) -> NDArray[np.float64]:
    """The middle of each field, as it is without the input's edge, which cuts some fields off."""
    width = max(stop - start for start, stop in spans)
    return np.array(
        [
            (start + stop) / 2
            if (stop - start == width or (start > 0 and stop < length))
            else (stop - width / 2 if start == 0 else start + width / 2)
            for start, stop in spans
        ]
    )


def _at_equal_distances(middles: NDArray[np.float64], step: float) -> bool:
    line = middles[0] + step * np.arange(len(middles))
    return step > 0 and float(np.abs(middles - line).max()) <= step / 4


def _by_edges(spans: Sequence[Span], length: int, name: str) -> tuple[float, NDArray[np.float64]]:
    """The step, and the middles, where the input's edges cut every field, by the edges within it.

    Raises:
        UntraceableError: The edges do not lie at equal distances, or too few are seen.

    """
    starts = [(at, span.start) for at, span in enumerate(spans) if span.start > 0]
    stops = [(at, span.stop) for at, span in enumerate(spans) if span.stop < length]
    longer = np.array(max(starts, stops, key=len))
    if starts and stops and len(longer) > 1:
        step = float(np.polyfit(longer[:, 0], longer[:, 1], 1)[0])
        numbers = np.arange(len(spans))
        first, last = (np.mean([edge - step * at for at, edge in some]) for some in (starts, stops))
        ends = first + step * numbers, last + step * numbers
        expected = np.clip(ends, 0, length).T
        if step > 0 and np.abs(expected - np.array(spans)).max() <= step / 4:
            return step, (ends[0] + ends[1]) / 2
    raise UntraceableError(SCATTERED.format(name=name))


def _grid(tokens: NDArray[np.int_], count: int, extents: Sequence[tuple[float, float]]) -> Grid:
    """The grid of tokens (time, row, column), of `count` with those that are not patches."""
    order = tokens.ravel().tolist()
    together = order == list(range(order[0], order[0] + len(order)))
    whole = np.allclose(extents, [(0, 1)] * len(extents), rtol=0, atol=1e-9)
    rows, columns = tokens.shape[-2:]
    return Grid(
        rows,
        columns,
        prefix=min(order),
        suffix=count - 1 - max(order),
        frames=tokens.shape[0] if tokens.ndim == 3 else 0,
        order=() if together else tuple(order),
        extent=() if whole else tuple(extents),
    )
