"""Layouts of models: surveyed once for each input size, remembered, proved at every use."""

from __future__ import annotations

import weakref
from collections.abc import Hashable
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from ..errors import ModelError, ProofError
from ..values import Classifier, Layout
from .black_box import coarse_grid
from .hooks import LayoutMismatchError
from .prove import prove_logits
from .replay import Replay
from .survey import survey
from .untraceable import MIXED, SEVERAL_GRIDS, NotOneGridError, UntraceableError

_Key = tuple[tuple[int, ...], Hashable, int]  # channels, height, width; variant; fingerprint


class Layouts:
    """The layouts that were found for each model, the oldest forgotten first."""

    SIZE: Final = 32  # of one model: input sizes and target functions

    def __init__(self) -> None:
        self._found: weakref.WeakKeyDictionary[nn.Module, dict[_Key, Layout]]
        self._found = weakref.WeakKeyDictionary()

    def get(self, classifier: Classifier, pixels: Tensor) -> Layout | None:
        """The layout for pixels of this size; None if there is none, or the model was changed."""
        return self._found.get(classifier.module, {}).get(_key(classifier, pixels))

    def put(self, classifier: Classifier, pixels: Tensor, layout: Layout) -> None:
        """Remember a layout for pixels of this size."""
        found = self._found.setdefault(classifier.module, {})
        found.pop(key := _key(classifier, pixels), None)
        while len(found) >= self.SIZE:
            del found[next(iter(found))]
        found[key] = layout


def _key(classifier: Classifier, pixels: Tensor) -> _Key:
    """Another one when a part of the model is exchanged, or a setting of the model itself."""
    module = classifier.module
    parts = ((id(part), vars(part).get("forward")) for part in module.modules())
    plain = (str, bool, int, float, type(None))
    settings = ((name, value) for name, value in vars(module).items() if isinstance(value, plain))
    return tuple(pixels.shape[1:]), classifier.variant, hash((*parts, *settings))


def find_layout(
    classifier: Classifier, picture: Tensor, *, keep_calls: bool, untraced: bool, black_box: bool
) -> tuple[Layout, Replay | None]:
    """Survey a model with one picture, and choose its tracer: a replay wherever that works.

    Here, once, the logits of a replay are compared with those of an ordinary pass; the replay is
    returned too. Where it fails, the tracer is full autograd. A model that cannot be traced gets a
    coarse grid if it may go `untraced`, and UntraceableError otherwise. So does one of several
    grids if all methods are `black_box` ones, for which its positions would be too many.
    """
    try:
        layout, logits = survey(classifier, picture, several_grids=not black_box)
    except NotOneGridError:
        if not black_box:
            raise
        return Layout.black_box(coarse_grid(picture, classifier.medium), SEVERAL_GRIDS), None
    except UntraceableError:
        if not untraced:
            raise
        return Layout.black_box(coarse_grid(picture, classifier.medium)), None
    if layout.tracer == "full":
        return layout, None
    try:
        replay = Replay(classifier, picture, layout, keep_calls)
        prove_logits(classifier.name, replay.recording, logits)
    except torch.cuda.OutOfMemoryError:
        raise
    except (ProofError, LayoutMismatchError, RuntimeError, IndexError, ValueError, TypeError):
        return replace(layout, tracer="full", kept=layout.grid.tokens, why=MIXED), None
    return layout, replay


def fit_layout(classifier: Classifier, layout: Layout, tracer: str | None, batch: int) -> Layout:
    """The layout for the tracer that was requested; ModelError where it cannot be right."""
    if layout.heads_first and batch > 1:
        raise ModelError(
            f"{classifier.name} folds heads and pictures into one axis, heads first, so its "
            "attention can be told apart for one picture at a time: batch_size=1."
        )
    if tracer == "full" and layout.tracer == "replay":
        return replace(layout, tracer="full", kept=layout.grid.tokens)
    if tracer == "replay" and layout.tracer == "full":
        raise ModelError(
            f"{classifier.name}: {layout.why}, which a replay does not follow; leave the tracer "
            'out, or give tracer="full".'
        )
    return layout
