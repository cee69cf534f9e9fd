"""Tracing: from a classifier and pixels to a proved session, with the model left as it was.

survey -> layout -> recording -> proof -> session -> the trace that a method reads
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor

from ..errors import ModelError
from ..undo import restoring
from ..values import Classifier, Layout, Method
from .black_box import Report, coarse_grid
from .evaluation_mode import evaluation_mode
from .hierarchy import Hierarchy
from .hooks import LayoutMismatchError
from .layouts import Layouts, find_layout, fit_layout
from .prove import refuse_random
from .record import logits_of, record
from .replay import Replay
from .session import CHUNK, Session
from .tracers import Tracer, check_tracer

__all__ = ["Report", "Session", "Tracer", "evaluation_mode", "restoring", "trace"]

_layouts: Final = Layouts()


def trace(
    classifier: Classifier,
    pixels: Tensor,
    methods: Sequence[Method],
    tracer: str | None = None,
    *,
    chunk: int = CHUNK,
    report: Report | None = None,
    lazy: bool = False,
    beside: Sequence[Method] = (),
) -> Session:
    """Record one pass over `pixels` (batch channel height width) and prove it, in evaluation mode.

    The recording keeps what `methods` need, so that all of them share it. The model is surveyed
    at the first call for an input size, and again if it was changed since. A model that cannot be
    traced is still recorded if all methods are black-box methods. With `lazy` it always is, and
    each kind of evidence is proved, or refused, when it is first needed. What the methods `beside`
    need is recorded too, and may be refused later. Raises ModelError or ProofError rather than
    giving evidence that was not proved.
    """
    check_tracer(tracer, methods)
    try:
        return _trace(_Request(classifier, pixels, methods, tracer, chunk, report, lazy, beside))
    except ModelError:
        refuse_random(classifier, pixels[:1])  # the true cause, where it is random
        raise


def _trace(request: _Request) -> Session:
    classifier, pixels = request.classifier, request.pixels
    layout = request.fitting(_layouts.get(classifier, pixels))
    if layout is not None:
        with suppress(LayoutMismatchError, ModelError):
            return request.session(layout)
        # perhaps a part of the model was changed since: survey it again
    layout, replay = find_layout(
        classifier,
        pixels[:1],
        keep_calls=request.keep_calls,
        untraced=request.untraced,
        black_box=request.black_box,
    )
    _layouts.put(classifier, pixels, layout)
    with suppress(LayoutMismatchError):
        return request.session(layout, replay if len(pixels) == 1 else None)
    logits_of(classifier, pixels)  # perhaps it gives no logits for these pictures: raises
    layout = replace(layout, kept=layout.grid.tokens)  # perhaps these read other tokens
    _layouts.put(classifier, pixels, layout)
    with suppress(LayoutMismatchError):
        return request.session(layout)
    if len(pixels) > 1:
        with suppress(LayoutMismatchError):
            replace(request, pixels=pixels[:1]).session(layout)
            raise ModelError(
                f"{classifier.name} computes some attention without an axis for pictures (one "
                "after another, or one matrix for all), so it is explained one at a time: "
                "batch_size=1."
            )
    raise ModelError(
        f"{classifier.name}: two passes took different paths through the model; agcam needs a "
        "model that is deterministic in evaluation mode."
    )


@dataclass(frozen=True)
class _Request:
    """What `trace` was called with."""

    classifier: Classifier
    pixels: Tensor
    methods: Sequence[Method]
    tracer: str | None
    chunk: int
    report: Report | None
    lazy: bool
    beside: Sequence[Method]

    @property
    def black_box(self) -> bool:
        """Whether nothing inside the model is read."""
        every = (*self.methods, *self.beside)
        return not self.lazy and all(method.needs.any_classifier for method in every)

    @property
    def untraced(self) -> bool:
        """Whether a model that cannot be traced will do."""
        return self.lazy or all(method.needs.any_classifier for method in self.methods)

    @property
    def keep_calls(self) -> bool:
        """Whether some method needs the whole attention of every block."""
        return any(method.needs.keeps_calls for method in (*self.methods, *self.beside))

    def fitting(self, known: Layout | None) -> Layout | None:
        """A known layout, if it serves this request."""
        if known is not None and known.places and self.black_box:
            return Layout.black_box(coarse_grid(self.pixels, self.classifier.medium), known.why)
        missing = (
            known is not None
            and known.tracer == "none"
            and not (self.black_box or (self.untraced and not known.why))
        )
        return None if missing else known

    def session(self, layout: Layout, replay: Replay | Hierarchy | None = None) -> Session:
        """Record by this layout, and prove it; LayoutMismatchError where the model has another."""
        layout = fit_layout(self.classifier, layout, self.tracer, len(self.pixels))
        if layout.places:
            replay = Hierarchy(self.classifier, self.pixels, layout, self.keep_calls)
            recording = replay.recording
        elif layout.tracer != "replay":
            replay = None
            recording = record(self.classifier, self.pixels, layout, self.keep_calls)
        else:
            replay = replay or Replay(self.classifier, self.pixels, layout, self.keep_calls)
            recording = replay.recording
        session = Session(self.classifier, recording, replay, chunk=self.chunk, report=self.report)
        for method in () if self.lazy else self.methods:
            session.tracer(method)
        return session
