"""Tracing: from a classifier and pixels to evidence, with the model left as it was found."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import Final, Literal

from torch import Tensor, nn

from ..errors import ModelError, ProofError
from ..values import (
    AttentionTrace,
    Classifier,
    GridTrace,
    Layout,
    Method,
    ReadTrace,
    Recording,
    Trace,
)
from .full import FullAutograd
from .quiet import quiet
from .record import LayoutMismatchError, record
from .replay import Replay
from .survey import survey

__all__ = ["TRACERS", "Evidence", "Tracer", "quiet", "trace"]

Tracer = Literal["replay", "full"]
TRACERS: Final[dict[Tracer, type[Replay] | type[FullAutograd]]] = {
    "replay": Replay,
    "full": FullAutograd,
}

_Key = tuple[int, int]
_layouts: weakref.WeakKeyDictionary[nn.Module, dict[_Key, Layout]] = weakref.WeakKeyDictionary()


class Evidence:
    """One proved recording, and what can be asked of it: any number of targets, any method.

    Made by `trace`, and asked, inside one `quiet` context.
    """

    def __init__(self, recording: Recording, asked: Replay | FullAutograd) -> None:
        self.recording = recording
        self._asked = asked

    def of(self, method: Method, target: Tensor) -> Trace:
        """What `method` needs to explain one target class a picture (batch,)."""
        recording = self.recording
        if method.needs is ReadTrace:
            return self._asked.ask(target)
        if method.needs is AttentionTrace:
            return AttentionTrace(recording.calls, recording.layout.reads, recording.grid)
        return GridTrace(len(recording.logits), recording.grid)


def trace(
    classifier: Classifier, pixels: Tensor, method: Method, tracer: Tracer | None = None
) -> Evidence:
    """Record one pass over `pixels` (batch 3 height width) and prove it; call inside `quiet`.

    The model is surveyed at the first call for an input size, and again if it was changed since.
    Raises ModelError or ProofError rather than giving evidence that was not proved.
    """
    known = _layouts.setdefault(classifier.vision, {})
    key = (pixels.shape[-2], pixels.shape[-1])
    whole = method.needs is AttentionTrace
    if key in known:
        try:
            return _evidence(classifier, pixels, known[key], whole, tracer)
        except (LayoutMismatchError, ModelError):
            del known[key]  # perhaps the model was changed since: look again
    layout = known[key] = _lay_out(classifier, pixels[:1])
    try:
        return _evidence(classifier, pixels, layout, whole, tracer)
    except LayoutMismatchError:
        raise ModelError(
            f"{classifier.name}: two passes took different ways through the model; agcam needs "
            "a model that is deterministic in evaluation mode."
        ) from None


def _evidence(
    classifier: Classifier, pixels: Tensor, layout: Layout, whole: bool, tracer: Tracer | None
) -> Evidence:
    if tracer is not None:
        layout = replace(layout, tracer=tracer)
    recording = record(classifier, pixels, layout, whole)
    return Evidence(recording, TRACERS[layout.tracer](classifier, recording))


def _lay_out(classifier: Classifier, picture: Tensor) -> Layout:
    """Survey, and settle on the tracer: replay where it works, full autograd where it cannot."""
    layout = survey(classifier, picture)
    recording = record(classifier, picture, layout, whole=False)
    try:
        Replay(classifier, recording)
    except (ProofError, LayoutMismatchError, RuntimeError, IndexError, ValueError, TypeError):
        # its blocks count their tokens, or mix them outside attention
        return replace(layout, tracer="full")
    return layout
