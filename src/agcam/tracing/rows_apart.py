"""Attention whose rows have keys of their own each, as in neighbourhood attention.

By its sizes it is a pool of as many heads as there are rows, and such a pool is a layer like any
other. What are heads change at the same places of the picture; rows at places of their own.
"""

from __future__ import annotations

from contextlib import suppress

from torch import Tensor

from ..values import Classifier, Layout
from .exchange import PositionsError
from .hooks import LayoutMismatchError
from .observe import Observation
from .probe import Probe


def mark_rows_apart(
    classifier: Classifier, pixels: Tensor, layout: Layout, seen: Observation
) -> None:
    """Note which calls of one row are such rows, where `layout` counts all that were captured."""
    own = [number for number, call in enumerate(seen.calls) if call.own]
    tower = seen.calls[: own[-1]] if own else seen.calls
    if not any(call.queries == 1 < call.keys and call.batch * call.heads > 1 for call in tower):
        return
    with suppress(PositionsError, LayoutMismatchError, RuntimeError):
        apart = Probe(classifier, pixels, layout, classifier.medium.sides).rows_apart()
        captured = [n for n, call in enumerate(seen.calls) if layout.explicit or not call.explicit]
        for number, is_apart in zip(captured, apart, strict=True):
            call = seen.calls[number]
            one_row = call.queries == 1 < call.keys
            seen.calls[number] = call._replace(apart=one_row and is_apart)
