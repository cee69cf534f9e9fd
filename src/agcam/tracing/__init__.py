"""Tracing: from a classifier and pixels to evidence, with the model left as it was found."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn

from ..errors import ModelError, ProofError
from ..undo import restoring
from ..values import Classifier, Layout, Method
from .black_box import Report, coarse_grid
from .evaluation_mode import evaluation_mode
from .hooks import LayoutMismatchError
from .prove import prove_logits
from .record import logits_of, record
from .replay import Replay
from .session import (
    CHUNK,
    FROM_OUTSIDE,
    OF_EVERY_BLOCK,
    READ_TRACERS,
    Session,
    Tracer,
    check_tracer,
    tracers_of,
)
from .survey import survey
from .untraceable import UntraceableError

__all__ = ["Report", "Session", "Tracer", "evaluation_mode", "restoring", "trace", "tracers_of"]

SETTINGS: Final = (str, bool, int, float, type(None))
REMEMBERED: Final = 32  # layouts of one model: input sizes and target functions
MIXED: Final = "its blocks mix tokens outside attention, or count them"
_Key = tuple[tuple[int, ...], Hashable, int]  # channels, height, width; the variant; the make
_layouts: weakref.WeakKeyDictionary[nn.Module, dict[_Key, Layout]] = weakref.WeakKeyDictionary()


def trace(
    classifier: Classifier,
    pixels: Tensor,
    methods: Sequence[Method],
    tracer: Tracer | None = None,
    *,
    chunk: int = CHUNK,
    report: Report | None = None,
    lazy: bool = False,
) -> Session:
    """Record one pass over `pixels` (batch 3 height width) and prove it, inside `evaluation_mode`.

    The recording keeps what `methods` need, so that all of them share it. The model is surveyed
    at the first call for an input size, and again if it was changed since. A model that cannot be
    traced is still recorded if all methods only ask it from outside. With `lazy` it always is, and
    each kind of evidence is proved, or refused, when it is first asked for. Raises ModelError or
    ProofError rather than giving evidence that was not proved.
    """
    check_tracer(tracer, methods)
    outside = lazy or all(method.needs in FROM_OUTSIDE for method in methods)
    whole = any(method.needs in OF_EVERY_BLOCK for method in methods)

    def evidence(layout: Layout, replay: Replay | None = None) -> Session:
        wanted = _as_wanted(classifier, layout, tracer, len(pixels))
        if wanted.tracer != "replay":
            replay = None
        elif replay is None:
            replay = Replay(classifier, pixels, wanted, whole)
        recording = replay.recording if replay else record(classifier, pixels, wanted, whole)
        found = Session(classifier, recording, replay, chunk=chunk, report=report)
        for method in () if lazy else methods:
            found.tracer(method)
        return found

    known = _layouts.setdefault(classifier.module, {})
    key = (tuple(pixels.shape[1:]), classifier.variant, _make_of(classifier.module))
    if key in known and (outside or known[key].tracer != "none"):
        try:
            return evidence(known[key])
        except (LayoutMismatchError, ModelError):
            del known[key]  # perhaps the model was changed since: look again
    layout, replay = _lay_out(classifier, pixels[:1], outside, whole)
    _remember(known, key, layout)
    try:
        return evidence(layout, replay if len(pixels) == 1 else None)
    except LayoutMismatchError:
        logits_of(classifier, pixels)  # perhaps it is no model for these pictures: says why
    try:  # perhaps another picture reads other tokens
        layout = replace(layout, kept=layout.grid.tokens)
        known[key] = layout
        return evidence(layout)
    except LayoutMismatchError:
        raise ModelError(
            f"{classifier.name}: two passes took different ways through the model; agcam needs "
            "a model that is deterministic in evaluation mode."
        ) from None


def _make_of(module: nn.Module) -> int:
    """A number that changes when a part of the model is exchanged, or a setting of the whole."""
    parts = ((id(part), vars(part).get("forward")) for part in module.modules())
    settings = ((k, v) for k, v in vars(module).items() if isinstance(v, SETTINGS))
    return hash((*parts, *settings))


def _remember(known: dict[_Key, Layout], key: _Key, layout: Layout) -> None:
    while len(known) >= REMEMBERED:
        del known[next(iter(known))]
    known[key] = layout


def _as_wanted(
    classifier: Classifier, layout: Layout, tracer: Tracer | None, pictures: int
) -> Layout:
    """The layout for the tracer that the caller names; ModelError where it cannot be right."""
    if layout.heads_first and pictures > 1:
        raise ModelError(
            f"{classifier.name} folds heads and pictures into one axis, heads first, so its "
            "attention can be told apart for one picture at a time: batch_size=1."
        )
    if layout.tracer == "none" or tracer not in READ_TRACERS:
        return layout
    if tracer == "full":
        return replace(layout, tracer="full", kept=layout.grid.tokens)
    if layout.tracer == "full":
        raise ModelError(
            f"{classifier.name}: {layout.why}, which a replay does not follow; leave the tracer "
            'out, or give tracer="full".'
        )
    return layout


def _lay_out(
    classifier: Classifier, picture: Tensor, outside: bool, whole: bool
) -> tuple[Layout, Replay | None]:
    """Survey, and settle on the tracer: replay where it works, full autograd where it cannot.

    Here, once, the logits of the replay are compared with those of an ordinary pass. A model that
    cannot be traced gets a coarse grid if it is only asked from `outside`.
    """
    try:
        layout, logits = survey(classifier, picture)
    except UntraceableError:
        if not outside:
            raise
        return Layout.black_box(coarse_grid(picture)), None
    if layout.tracer == "full":
        return layout, None
    try:
        replay = Replay(classifier, picture, layout, whole)
        prove_logits(classifier.name, replay.recording, logits)
    except torch.cuda.OutOfMemoryError:
        raise
    except (ProofError, LayoutMismatchError, RuntimeError, IndexError, ValueError, TypeError):
        return replace(layout, tracer="full", kept=layout.grid.tokens, why=MIXED), None
    return layout, replay
