"""Passes of the model over the pictures, and what each leaves: columns, targets, maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..binding import BoundTarget, to_model
from ..errors import ModelError
from ..tracing import Session, evaluation_mode, trace
from ..values import Classifier, Grid, Method, precise, split
from .views import Views

Progress = Callable[[int, int], None]
"""Called with how much is done and how much there is, in pictures that the model runs on."""


@dataclass
class PassCounter:
    """Counts the pictures that the model has run on for a method that needs many."""

    progress: Progress | None
    done: int = 0
    total: int = 0

    def report(self, count: int) -> None:
        """The model has run on some more pictures."""
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(frozen=True)
class Maps:
    """The maps of some pictures, and the columns that they explain."""

    columns: Float[Tensor, "batch column"]  # logits, and scalars behind them
    target: Int[Tensor, "batch target"]
    grid_map: Float[Tensor, "batch target *view rows columns"]  # a dim of views if there are any
    grid: Grid
    tracer: str
    views: Views = field(default_factory=Views)
    errors: tuple[float, ...] = ()  # of completeness, if the method's evidence knows it


def join(parts: Sequence[Maps], dim: int) -> Maps:
    """Maps of further pictures (dim 0), or of further targets of the same pictures (dim 1)."""
    return replace(
        parts[0],
        columns=torch.cat([part.columns for part in parts]) if dim == 0 else parts[0].columns,
        target=torch.cat([part.target for part in parts], dim),
        grid_map=torch.cat([part.grid_map for part in parts], dim),
        errors=tuple(error for part in parts for error in part.errors),
    )


@dataclass(frozen=True)
class Run:
    """How the pictures of one call are explained."""

    bound: BoundTarget
    pixels: Float[Tensor, "batch channel height width"]
    method: Method
    tracer: str | None  # as the caller gave it: `trace` checks it
    batch_size: int
    counter: PassCounter
    count: int = 1  # views of each picture

    @cached_property
    def views(self) -> Views:
        """The views of each picture; the patches are those of the first."""
        if self.count == 1:
            return Views()
        classifier, pixels = self.bound.classifier(), self.pixels[:1]
        with evaluation_mode(classifier.module):
            ready = to_model(classifier, pixels)
            grid = trace(classifier, ready, [self.method], self.tracer).recording.grid
        return Views.of(self.count, (pixels.shape[2], pixels.shape[3]), grid)

    def maps(self) -> Maps:
        """The maps of all pictures, a batch at a time; with inputs of their own, one by one.

        A batch has all views of its pictures.
        """
        step = max(1, self.batch_size // self.count) if self.bound.inputs is None else 1
        return join([self._batch(first, step) for first in range(0, len(self.pixels), step)], 0)

    def _batch(self, first: int, step: int) -> Maps:
        """The maps of some pictures. Functions of the whole output have a pass each."""
        pixels = self.pixels[first : first + step]
        if not self.bound.of_output:
            return self._pass(self.bound, pixels, first)
        parts = [self._pass(bound, pixels, first) for bound in self.bound.apart]
        values = torch.cat([part.columns[:, :1] for part in parts], 1)
        target = self.bound.columns(values[:, :0], first)
        maps = join(parts, 1).grid_map[torch.arange(len(values))[:, None], target]
        return replace(join(parts, 1), columns=values, target=target, grid_map=maps)

    def _pass(self, bound: BoundTarget, pixels: Tensor, first: int) -> Maps:
        """One recording of all views, and for each target one map, or one for each view."""
        views, batch = self.views, len(pixels)
        classifier, counter = bound.classifier(first), self.counter
        with evaluation_mode(classifier.module):
            session = trace(
                classifier,
                to_model(classifier, views.of_pictures(pixels)),
                [self.method],
                self.tracer,
                chunk=self.batch_size,
                report=counter.report,
            )
            logits, _ = split(classifier, session.recording.logits)
            columns = bound.columns(logits[:batch], first)  # what is explained is the picture's
            targets = len(self.bound.functions) if self.bound.of_output else columns.shape[1]
            each = self.method.pictures(session.recording.grid) * targets
            counter.total = each * len(self.pixels) * len(views)
            every = maps_of(classifier, session, columns.repeat(len(views), 1), self.method)
        if len(views) == 1:
            return every
        return replace(
            every,
            columns=every.columns[:batch],
            target=every.target[:batch],
            grid_map=every.grid_map.reshape(len(views), batch, *every.grid_map.shape[1:]).movedim(
                0, 2
            ),
            views=views,
        )


def maps_of(
    classifier: Classifier,
    session: Session,
    columns: Int[Tensor, "batch target"],
    method: Method,
) -> Maps:
    """The maps of targets given by their columns."""
    recording, grid = session.recording, session.recording.grid
    relevance = _finite(session.relevance(method, columns), classifier, method)
    return Maps(
        recording.logits.cpu(),
        columns.cpu(),
        relevance.reshape(*columns.shape, grid.rows, grid.columns)
        .to(precise(recording.logits[:0]).dtype)
        .cpu(),
        grid,
        session.tracer(method),
        errors=tuple(session.completeness_errors),
    )


def _finite(relevance: Tensor, classifier: Classifier, method: Method) -> Tensor:
    """The map in float32 at least; ModelError if it holds NaN or infinite values."""
    if not bool(torch.isfinite(relevance).all()):
        raise ModelError(
            f"{classifier.name}: the {method.name} map has NaN or infinite values; the model's "
            "gradients overflow in its precision. Try bfloat16 or float32."
        )
    return precise(relevance)
