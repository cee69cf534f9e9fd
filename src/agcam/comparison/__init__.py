"""One picture, several methods: their maps side by side, and what each costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor

from ..binding import BATCH_SIZE, bind, to_model
from ..errors import AgcamError, PictureError, TargetError
from ..explainer import PassCounter, Progress, finite
from ..families import load
from ..images import prepare_pictures
from ..maps import Sheet, SheetColumn, to_pixels
from ..methods import METHODS
from ..tracing import Session, evaluation_mode, trace
from ..values import (
    Answer,
    Classifier,
    Frame,
    Method,
    Preparation,
    Query,
    Scores,
    Transform,
    answers_of,
    kind_of,
    split,
)
from ..viewer import reduced
from .meter import Cost, Meter
from .view import comparison_page

__all__ = ["Column", "Comparison", "Cost", "compare", "comparison_page"]

TOP: Final = 5  # classes that are listed
SHEET_SIDE: Final = 640  # pixels of the longer side of a picture on the sheet


@dataclass(frozen=True, eq=False)
class Column:
    """What one method made of the picture, or the sentence that refused it.

    `cost` is what the method would have cost alone: the recording, its kind of evidence and its own
    work, though the first two are made once and shared.
    """

    method: Method
    grid_map: Float[Tensor, "asked rows columns"] | None = None
    cost: Cost | None = None
    refusal: str | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """One picture asked about some targets by several methods, all from one recording.

    `answers` are what the model gives for the targets, `top` its best classes; `forward` is the
    cost of a plain pass; `recording` that of the pass that all methods share.
    """

    picture: Image.Image
    source: str
    frame: Frame
    model: str
    scores: Scores
    answers: tuple[Answer, ...]
    top: tuple[Answer, ...]
    columns: tuple[Column, ...]
    forward: Cost
    recording: Cost
    preparation: Preparation | Transform | None = None
    notes: tuple[str, ...] = ()

    def sheet(self) -> Sheet:
        """The maps on the pixels of the picture, made small, ready to be drawn."""
        picture = reduced(self.picture, SHEET_SIDE)
        frame = self.frame.scaled(*picture.size)
        columns = tuple(self._drawn(column, frame) for column in self.columns)
        return Sheet(self.source, picture, self.answers, columns)

    def _drawn(self, column: Column, frame: Frame) -> SheetColumn:
        method, grid_map = column.method, column.grid_map
        maps = None if grid_map is None else to_pixels(grid_map.numpy(), frame)
        return SheetColumn(method.name, maps, method.class_specific, column.refusal)


def compare(
    model: object,
    picture: Any,
    target: Any = None,
    methods: Sequence[str] = ("agcam", "rollout"),
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
    preparation: Any = None,
    inputs: Any = None,
) -> Comparison:
    """Explain one picture by several methods from one recorded pass, and measure each.

    `model`, `picture`, `target`, `preparation`, `inputs` are those of `explain`, for one picture.
    A method that the model does not admit is no error: its column holds the reason.
    `progress(done, total)` counts the pictures that methods ask the model about. Raises an
    AgcamError where nothing can be explained.
    """
    rows = [METHODS[name] for name in dict.fromkeys(methods)]
    loaded = load(model, preparation=preparation)
    prepared = prepare_pictures(loaded, picture)
    if len(prepared.pixels) != 1:
        raise PictureError(f"one picture is compared at a time, not {len(prepared.pixels)}.")
    bound = bind(loaded, prepared.pixels, target, inputs)
    if bound.of_output and len(bound.functions) > 1:
        raise TargetError("functions of a whole output are compared one at a time.")
    classifier = bound.classifier()
    with evaluation_mode(classifier.module):
        pixels = to_model(classifier, prepared.pixels)
        watch = PassCounter(progress)
        bench = _Bench(classifier, pixels, rows, batch_size, watch)
        given, grid = bench.session.recording.logits, bench.session.recording.grid
        logits, _ = split(classifier, given)
        asked = bound.columns(logits)[0]
        watch.total = sum(row.pictures(grid) for row in rows) * len(asked)
        columns = {column.method.name: column for column in bench.columns(asked)}
    best = logits[0].topk(min(TOP, logits.shape[1])).indices
    return Comparison(
        picture=prepared.pictures[0],
        source=prepared.sources[0],
        frame=prepared.frames[0],
        model=classifier.name,
        scores=kind_of(classifier, logits.shape[1]),
        answers=answers_of(classifier, given[0], asked.tolist()),
        top=answers_of(classifier, given[0], best.tolist()),
        columns=tuple(columns[row.name] for row in rows),
        forward=bench.forward,
        preparation=prepared.preparation,
        notes=(*classifier.notes, *prepared.notes),
        recording=bench.recording,
    )


class _Bench:
    """A recording on the bench: every kind of evidence made once, measured, and let go again."""

    def __init__(
        self,
        classifier: Classifier,
        pixels: Tensor,
        methods: Sequence[Method],
        chunk: int,
        watch: PassCounter,
    ) -> None:
        self._classifier, self._methods = classifier, methods
        trace(classifier, pixels, [], lazy=True)  # surveyed, and warm: a first pass costs more
        if any(method.needs is Query for method in methods):
            with suppress(ImportError):  # some of them will say so
                import captum.attr  # noqa: F401 - its import is no part of any method's time
        self._meter = Meter(pixels.device)
        _, self.forward = self._meter.run(lambda: classifier.predict(pixels))
        self.session, self.recording = self._meter.run(
            lambda: trace(classifier, pixels, methods, chunk=chunk, report=watch.report, lazy=True)
        )

    def columns(self, asked: Int[Tensor, " asked"]) -> Iterator[Column]:
        """A column a method; those that read one kind of evidence come side by side."""
        kinds = list(dict.fromkeys(method.needs for method in self._methods))
        ordered = sorted(self._methods, key=lambda method: kinds.index(method.needs))
        for _, group in groupby(ordered, key=lambda method: method.needs):
            yield from self._of_one_kind(list(group), asked)

    def _of_one_kind(self, methods: list[Method], asked: Tensor) -> Iterator[Column]:
        session = self.session.renewed()
        self._meter.clear()
        try:
            _, shared = self._meter.run(lambda: session.tracer(methods[0]))
        except AgcamError as error:
            yield from (Column(method, refusal=str(error)) for method in methods)
            return
        for method in methods:
            yield self._column(session, method, asked, self.recording + shared)

    def _column(self, session: Session, method: Method, asked: Tensor, shared: Cost) -> Column:
        try:
            relevance, own = self._meter.run(lambda: session.relevance(method, asked[None]))
            relevance = finite(relevance, self._classifier, method)
        except AgcamError as error:
            return Column(method, refusal=str(error))
        grid = session.recording.grid
        grid_map = relevance.reshape(len(asked), grid.rows, grid.columns)
        return replace(Column(method), grid_map=grid_map.cpu(), cost=shared + own)
