"""The layout of models whose attention is not over one sequence of tokens.

Windows, pooled keys, stages of coarser grids, several grids side by side: where each attention's
keys lie is measured (`positions.py`), and full autograd follows the logits back to all of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ..errors import ModelError
from ..values import Classifier, Grid, Layout, Medium, Places
from ..values.places import Axes
from .classifier_reads import reads_several_stages
from .double import in_double
from .exchange import PositionsError, WindowsApartError
from .graph import leaves_leading_to
from .hierarchy import Hierarchy
from .hooks import LayoutMismatchError
from .observe import Observation
from .positions import Found, find_positions
from .rows import with_proved_rows
from .untraceable import FAILED, NO_GRADIENT, NO_POSITIONS, SEVERAL_GRIDS, UntraceableError

MOVED: Final = 0.5  # of a key's share of an axis: it lies elsewhere


def several(
    classifier: Classifier, pixels: Tensor, seen: Observation, why: str, seed: int = 0
) -> Layout:
    """The layout of such a model; UntraceableError, with the cause, where it cannot be proved.

    What is found does not depend on the `seed` of the noise, but in models that rank their tokens.
    """
    explicit = seen.explicit is not None and (
        seen.explicit.by_name > 0 or any(call.explicit for call in seen.calls)
    )
    count = sum(explicit or not call.explicit for call in seen.calls)
    layout = Layout(
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
    name = classifier.name
    try:
        layout = replace(layout, calls=_own(seen, layout))
        _refuse_without_gradient(classifier, pixels, layout)
        try:
            found, places = _measured(classifier, pixels, layout, seen, seed)
        except WindowsApartError:
            layout = replace(layout, windows_apart=True)
            found, places = _measured(classifier, pixels, layout, seen, seed)
    except torch.cuda.OutOfMemoryError:
        raise
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
        own = (
            LayoutMismatchError,
            ModelError,
            RuntimeError,
            TypeError,
        )  # of a model of one precision
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
    last = max(i for i, call in enumerate(captured) if call.single or call.batch * call.queries > 1)
    return tuple(index <= last for index in range(len(captured)))


def _refuse_without_gradient(classifier: Classifier, pixels: Tensor, layout: Layout) -> None:
    graph = Hierarchy(classifier, pixels, layout, keep_calls=False)
    reached = leaves_leading_to(graph.logits)
    if not any(id(leaf) in reached for leaf in graph.outputs):
        raise LayoutMismatchError
