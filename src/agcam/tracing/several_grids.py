"""The layout of models whose attention is not over one sequence of tokens.

Windows, pooled keys, stages of coarser grids, several grids side by side: where each attention's
keys lie is measured (`positions.py`), and full autograd follows the logits back to all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ..errors import ModelError
from ..undo import undoing
from ..values import AttentionCall, Classifier, Grid, Layout, Medium, Places
from ..values.places import Axes
from .classifier_reads import reads_several_stages
from .double import in_double
from .exchange import ChannelsError, PositionsError, WindowsApartError
from .graph import leaves_among, nodes_leading_to
from .hierarchy import Hierarchy
from .hooks import LayoutMismatchError
from .observe import Observation
from .positions import Found, find_positions
from .record import capture, logits_of
from .rows import with_proved_rows
from .untraceable import (
    CHANGED,
    CUT,
    FAILED,
    NO_GRADIENT,
    NO_POSITIONS,
    OVER_CHANNELS,
    SEVERAL_GRIDS,
    UntraceableError,
)

MOVED: Final = 0.5  # of a key's share of an axis: it lies elsewhere


def several(
    classifier: Classifier, pixels: Tensor, seen: Observation, why: str, seed: int = 0
) -> Layout:
    """The layout of such a model; UntraceableError, with the cause, where it cannot be proved.

    What is found does not depend on the `seed` of the noise, but in models that rank their tokens.
    """
    layout = layout_of_every_call(seen)
    name = classifier.name
    try:
        layout = replace(layout, calls=_own(seen, layout))
        _refuse_other_ways(classifier, pixels, layout)
        try:
            found, places = _measured(classifier, pixels, layout, seen, seed)
        except WindowsApartError:
            layout = replace(layout, windows_apart=True)
            found, places = _measured(classifier, pixels, layout, seen, seed)
    except torch.cuda.OutOfMemoryError:
        raise
    except ChannelsError as error:
        raise UntraceableError(OVER_CHANNELS.format(name=name)) from error
    except PositionsError as error:
        raise UntraceableError(NO_POSITIONS.format(name=name, why=why, cause=error)) from error
    except LayoutMismatchError as error:
        raise UntraceableError(NO_GRADIENT.format(name=name)) from error
    except RuntimeError as error:
        raise UntraceableError(FAILED.format(name=name, cause=_first_line(error))) from error
    holding = iter(one is not None for one in places)
    *frames, rows, columns = found.cells
    layout = replace(
        layout,
        grid=Grid(rows, columns, prefix=0, frames=frames[0] if frames else 0),
        calls=tuple(own and next(holding) for own in layout.calls),
        places=tuple(_upright(one, classifier.medium) for one in places if one is not None),
        stem=found.stem,
    )
    return replace(layout, branches=reads_several_stages(classifier, pixels, layout))


def layout_of_every_call(seen: Observation) -> Layout:
    """A layout in which every call that is captured counts, and none lies anywhere."""
    explicit = seen.explicit is not None and (
        seen.explicit.by_name > 0 or any(call.explicit for call in seen.calls)
    )
    count = sum(explicit or not call.explicit for call in seen.calls)
    return Layout(
        Grid(1, 1, 0),
        calls=(True,) * count,
        blocks=(),
        reads=(),
        kept=0,
        token_dim=2,  # of what attention returns
        tracer="full",
        why=SEVERAL_GRIDS,
        explicit=explicit,
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "").rstrip(".")


def _measured(
    classifier: Classifier, pixels: Tensor, layout: Layout, seen: Observation, seed: int
) -> tuple[Found, tuple[Places | None, ...]]:
    """Where keys and rows lie; in double precision where single is not enough to tell."""
    axes = classifier.medium.sides

    def measure(pixels: Tensor) -> tuple[Found, tuple[Places | None, ...]]:
        found = find_positions(classifier, pixels, layout, seen, axes, seed)
        return found, with_proved_rows(classifier, pixels, layout, found)

    try:
        return measure(pixels)
    except PositionsError:
        if pixels.dtype == torch.float64:
            raise
        # what a model that runs in one precision alone raises
        own = (LayoutMismatchError, ModelError, RuntimeError, TypeError)
        with suppress(*own), in_double(classifier.module):
            return measure(pixels.double())
        raise


def same_places(one: Layout, other: Layout) -> bool:
    """Whether two measurements found each key at the same places, but for how strongly."""
    return len(one.places) == len(other.places) and all(
        first.shape == second.shape and bool(((first - second).abs().sum(1) < 2 * MOVED).all())
        for pair in zip(one.places, other.places, strict=True)
        for first, second in zip(pair[0].weights, pair[1].weights, strict=True)
    )


def _upright(places: Places, medium: Medium) -> Places:
    """The places with each axis as it is drawn: what lies at its bottom in the input is last."""
    turned = [medium.axes[axis - 1].startswith("-") for axis in medium.sides]

    def drawn(axes: Axes) -> Axes:
        pairs = zip(axes, turned, strict=False)  # rows may have none
        return tuple(one.flip(1) if turn else one for one, turn in pairs)

    return replace(places, weights=drawn(places.weights), rows=drawn(places.rows))


def _own(seen: Observation, layout: Layout) -> tuple[bool, ...]:
    """Which calls are attention of the tower.

    Attention of one row behind the last of several rows (a class token, a pool) belongs to the
    classifier: gradients pass through it. A single token is as many rows as keys.
    """
    captured = [call for call in seen.calls if layout.explicit or not call.explicit]
    tower = (call.single or call.apart or call.batch * call.queries > 1 for call in captured)
    last = max(number for number, counts in enumerate(tower) if counts)
    return tuple(index <= last for index in range(len(captured)))


def _refuse_other_ways(classifier: Classifier, pixels: Tensor, layout: Layout) -> None:
    """Refuse where logits have no gradient, or where attention leads to them by another way.

    Every attention's output is a leaf: a softmax behind the logits is used for more than a product.
    """
    leaf = pixels.detach().clone().requires_grad_()
    with torch.enable_grad():
        graph = Hierarchy(classifier, leaf.clone(), layout, keep_calls=False)
    nodes = nodes_leading_to(graph.logits)
    reached = leaves_among(nodes)
    if not any(id(output) in reached for output in graph.outputs):
        raise LayoutMismatchError
    without = [n for n, output in enumerate(graph.outputs) if id(output) not in reached]
    if without and _changes_logits(classifier, pixels, layout, without):
        raise UntraceableError(CUT.format(name=classifier.name))
    if not nodes.isdisjoint(graph.softmaxes - {None}):
        raise UntraceableError(CHANGED.format(name=classifier.name))


def _changes_logits(
    classifier: Classifier, pixels: Tensor, layout: Layout, numbers: list[int]
) -> bool:
    """Whether other logits come of it where these attentions alone return something else."""
    first = list[Tensor]()

    def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if not next(own, False):
            return as_torch()
        if second is None:
            first.append(as_torch())
            return first[-1]
        number = next(second)
        return first[number] * (2 if number in numbers else 1)

    second: Iterator[int] | None = None
    with torch.no_grad(), undoing() as undo:
        capture(undo, layout, pixels, answer)
        own = iter(layout.calls)
        before = logits_of(classifier, pixels)
        own, second = iter(layout.calls), itertools.count()
        return not torch.allclose(before, logits_of(classifier, pixels))
