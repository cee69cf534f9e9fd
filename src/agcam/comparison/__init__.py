"""One picture, clip or sound, several methods: their maps side by side, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import groupby
from typing import Any, Final

from jaxtyping import Int
from torch import Tensor

from ..binding import BATCH_SIZE, bind, to_model
from ..errors import AgcamError, PictureError, TargetError
from ..explainer import (
    PassCounter,
    Progress,
    check_medium,
    checked_batch,
    checked_switches,
    maps_of,
    views_of,
)
from ..families import load
from ..images import Prepared, prepare_inputs
from ..maps import PatchMaps, contact_sheet
from ..methods import choose
from ..registry import names_of
from ..tracing import Session, evaluation_mode, trace
from ..values import Classifier, Method, answers_of, kind_of, split
from .meter import Cost, Meter
from .result import Column, Comparison

__all__ = ["Column", "Comparison", "Cost", "compare"]

TOP: Final = 5  # classes that are listed


def compare(
    model: object,
    picture: Any,
    target: Any = None,
    methods: str | Sequence[str] = ("agcam", "rollout"),
    *,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
    preparation: Any = None,
    inputs: Any = None,
    refine: bool = False,
    views: int = 1,
) -> Comparison:
    """Explain one picture by several methods from one recorded pass, and measure each.

    Args:
        model: As in `explain`.
        picture: One picture, clip or sound, as in `explain`.
        target: As in `explain`, for one picture.
        methods: Names of `METHODS`, or "all". One that refuses the model is not an error: its
            column holds the reason.
        options: For each method the options that differ from their defaults, as in `explain`:
            {"rise": {"masks": 4000}}.
        batch_size: The most pictures that the model is given at once.
        progress: Called as `progress(done, total)`, in pictures that the model has run on.
        preparation: How the picture is prepared, as in `agcam.load`.
        inputs: What the model's `forward` takes beside the picture, as in `explain`.
        refine: As in `explain`.
        views: As in `explain`; the recording that methods share, and its cost, is of all views.

    Raises:
        AgcamError: Nothing can be explained; the message names the fix.
    """
    refine, views = checked_switches(refine, views, inputs)
    batch_size = checked_batch(batch_size)
    rows = choose(names_of(methods), options)
    loaded = load(model, preparation=preparation)
    prepared = prepare_inputs(loaded, picture)
    loaded = replace(loaded, medium=prepared.medium)
    check_medium(prepared.medium, refine, views)
    if len(prepared.pixels) != 1:
        kind = prepared.medium.name
        raise PictureError(f"one {kind} is compared at a time, not {len(prepared.pixels)}.")
    bound = bind(loaded, prepared.pixels, target, inputs)
    if bound.of_output and len(bound.functions) > 1:
        raise TargetError("functions of a whole output are compared one at a time.")
    classifier = bound.classifier()
    with evaluation_mode(classifier.module):
        pixels, counter = to_model(classifier, prepared.pixels), PassCounter(progress)
        bench = _Bench(classifier, pixels, prepared, rows, batch_size, counter, refine, views)
        logits, _ = split(classifier, bench.given)
        targets = bound.columns(logits)[0]
        each = sum(row.pictures(bench.session.grid(row)) for row in rows)
        counter.total = len(targets) * each * views
        columns = {column.method.name: column for column in bench.columns(targets)}
    best = logits[0].topk(min(TOP, logits.shape[1])).indices
    return Comparison(
        picture=bench.picture,
        source=prepared.sources[0],
        frame=prepared.frames[0],
        model=classifier.name,
        scores=kind_of(classifier, logits.shape[1]),
        answers=answers_of(classifier, bench.given[0], targets.tolist()),
        top=answers_of(classifier, bench.given[0], best.tolist()),
        columns=tuple(columns[row.name] for row in rows),
        forward=bench.forward,
        recording=bench.recording,
        preparation=prepared.preparation,
        notes=(*classifier.notes, *prepared.notes),
    )


class _Bench:
    """Makes every kind of evidence once from one recording, measures it, and releases it."""

    def __init__(
        self,
        classifier: Classifier,
        pixels: Tensor,
        prepared: Prepared,
        methods: Sequence[Method],
        chunk: int,
        counter: PassCounter,
        refine: bool,
        views: int,
    ) -> None:
        self._classifier, self._methods, self._refine = classifier, methods, refine
        clip = prepared.clips[0].pictures if prepared.clips else ()
        self._frames = len(clip)
        self.picture = contact_sheet(clip) if clip else prepared.pictures[0]
        trace(classifier, pixels, [], lazy=True)  # surveyed, and warm: a first pass costs more
        self._views = views_of(views, classifier, pixels)
        if any(method.needs.black_box for method in methods):
            with suppress(ImportError):  # those that need it refuse in a sentence
                import_module("captum.attr")  # its import is not part of any method's time
        self._meter = Meter(pixels.device)
        _, self.forward = self._meter.run(lambda: classifier.predict(pixels))
        self.session, self.recording = self._meter.run(
            lambda: trace(
                classifier,
                self._views.of_pictures(pixels),
                methods,
                chunk=chunk,
                report=counter.report,
                lazy=True,
            )
        )
        self.given = self.session.recording.logits[:1]

    def columns(self, targets: Int[Tensor, " target"]) -> Iterator[Column]:
        """A column for each method; those that share a pass of the model follow each other."""
        sources = list(dict.fromkeys(method.needs.source for method in self._methods))
        ordered = sorted(self._methods, key=lambda method: sources.index(method.needs.source))
        for _, group in groupby(ordered, key=lambda method: method.needs.source):
            yield from self._of_one_source(list(group), targets)

    def _of_one_source(self, methods: list[Method], targets: Tensor) -> Iterator[Column]:
        session, shared = self.session.renewed(), None
        self._meter.clear()
        for method in methods:
            try:  # the first one makes the pass; each may be refused for a reason of its own
                _, proved = self._meter.run(partial(session.tracer, method))
            except AgcamError as error:
                yield Column(method, refusal=str(error))
                continue
            shared = proved if shared is None else shared
            yield self._column(session, method, targets, self.recording + shared)

    def _column(self, session: Session, method: Method, targets: Tensor, shared: Cost) -> Column:
        try:
            maps, own = self._meter.run(
                lambda: maps_of(self._classifier, session, targets[None], method, self._views)
            )
        except AgcamError as error:
            return Column(method, refusal=str(error))
        values, windows = maps.grid_map[0].numpy(), maps.views.windows
        values = values if len(windows) > 1 else values[:, None]
        made = PatchMaps(values, windows, self._refine, maps.grid.extent, self._frames)
        return Column(method, made, shared + own)
