"""Which attentions are over channels, by the size of the input: keys stay, their numbers grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from ..errors import ModelError
from ..undo import undoing
from ..values import AttentionCall, Classifier, Layout
from .record import capture

FAILURES: Final = (AssertionError, ModelError, RuntimeError, ValueError, TypeError, LookupError)


def channels_by_size(classifier: Classifier, pixels: Tensor, layout: Layout) -> list[bool]:
    """For each attention, whether it has as many keys in a picture of twice the sides.

    Convolutions may have mixed the whole picture before it, so that no part of it changes a part of
    a key's numbers alone. Nothing is found where the model takes one size only, or clips.
    """
    small = _sizes(classifier, pixels, layout)
    if not classifier.medium.still:
        return [False] * len(small)
    try:
        twice = pixels.repeat_interleave(2, -1).repeat_interleave(2, -2)
        large = _sizes(classifier, twice, layout)
    except FAILURES:
        return [False] * len(small)
    if len(large) != len(small):
        return [False] * len(small)
    return [
        one[0] == other[0] and one[1] != other[1] for one, other in zip(small, large, strict=True)
    ]


def _sizes(classifier: Classifier, pixels: Tensor, layout: Layout) -> list[tuple[int, int]]:
    """Keys and numbers of each attention."""
    found, own = list[tuple[int, int]](), iter(layout.calls)

    def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if next(own, None):
            found.append((call.value.shape[-2], call.value.shape[-1]))
        return as_torch()

    with torch.no_grad(), undoing() as undo:
        capture(undo, layout, pixels, answer)
        classifier.predict(pixels)
    return found
