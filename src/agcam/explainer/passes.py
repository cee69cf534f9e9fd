"""Passes of the model over some pictures, and what each leaves: logits, targets, maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from .. import targets
from ..binding import BoundTarget, to_model
from ..errors import ModelError
from ..images import Prepared
from ..tracing import Session, Tracer, evaluation_mode, trace
from ..values import Classifier, Grid, Method, split

Progress = Callable[[int, int], None]
"""Is told, now and then, how much is done and how much there is, in pictures asked about."""


@dataclass
class PassCounter:
    """Counts the pictures that the model was asked about, for whoever waits."""

    progress: Progress | None
    done: int = 0
    total: int = 0
    passes_each: int = 1  # that are put one after another

    def report(self, count: int) -> None:
        """The model was asked about some more pictures."""
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(frozen=True)
class Part:
    """What was found of some of the pictures: columns, targets (batch, asked) and their maps."""

    columns: Tensor  # logits, and scalars behind them
    target: Tensor
    grid_map: Tensor
    grid: Grid
    tracer: str
    errors: tuple[float, ...] = ()  # of completeness, where the method's evidence knows it


@dataclass(frozen=True)
class Run:
    """How all pictures of one call are explained."""

    prepared: Prepared
    method: Method
    tracer: Tracer | None
    at_once: int
    watch: PassCounter

    def part(self, bound: BoundTarget, some: slice) -> Part:
        """The question put to some of the pictures.

        Functions of the whole output may read other tokens each, so each has a pass of its own.
        """
        target = targets.part(bound.target, some, len(self.prepared.pixels))
        if not bound.whole:
            return self._pass(bound.classifier(some.start), some, target)
        self.watch.passes_each = len(bound.alone)
        parts = [self._pass(one.classifier(some.start), some, one.target) for one in bound.alone]
        return _side_by_side(parts, target)

    def _pass(self, classifier: Classifier, some: slice, target: Any) -> Part:
        """One recording, and one map for each target asked of it."""
        with evaluation_mode(classifier.module):
            ready = to_model(classifier, self.prepared.pixels[some])
            session = trace(
                classifier,
                ready,
                [self.method],
                self.tracer,
                chunk=self.at_once,
                report=self.watch.report,
            )
            pictures = len(self.prepared.pixels)
            return ask_for(classifier, session, target, self.method, self.watch, pictures)


def _side_by_side(parts: Sequence[Part], target: Any) -> Part:
    """What was asked one by one as if it had been asked at once."""
    columns = torch.cat([part.columns[:, :1] for part in parts], 1)
    maps = torch.cat([part.grid_map for part in parts], 1)
    asked = targets.resolve(target, columns[:, :0], ())
    every = torch.arange(len(maps))[:, None]
    errors = tuple(error for part in parts for error in part.errors)
    return replace(
        parts[0], columns=columns, target=asked, grid_map=maps[every, asked], errors=errors
    )


def ask_for(
    classifier: Classifier,
    session: Session,
    target: Any,
    method: Method,
    watch: PassCounter,
    pictures: int,
) -> Part:
    """Maps of every target; `pictures` are all that `watch` tells of, those of other parts too."""
    columns, grid = session.recording.logits, session.recording.grid
    logits, _ = split(classifier, columns)
    names = names_of(classifier, logits.shape[-1])
    asked = targets.resolve(target, logits, names).to(logits.device)
    watch.total = method.pictures(grid) * pictures * asked.shape[1] * watch.passes_each
    relevance = finite(session.relevance(method, asked), classifier, method)
    relevance = relevance.reshape(*asked.shape, grid.rows, grid.columns)
    exact = torch.promote_types(logits.dtype, torch.float32)
    return Part(
        columns.cpu(),
        asked.cpu(),
        relevance.to(exact).cpu(),
        grid,
        session.tracer(method),
        tuple(session.completeness_errors),
    )


def finite(relevance: Tensor, classifier: Classifier, method: Method) -> Tensor:
    """The map in float32 at least; ModelError where it holds NaN or infinite values."""
    if not bool(torch.isfinite(relevance).all()):
        raise ModelError(
            f"{classifier.name}: the {method.name} map has NaN or infinite values; the model's "
            "gradients overflow in its precision. Try bfloat16 or float32."
        )
    return relevance.to(torch.promote_types(relevance.dtype, torch.float32))


def names_of(classifier: Classifier, classes: int) -> tuple[str, ...]:
    """The class names; ModelError where there are not as many as classes."""
    names = classifier.class_names
    if names and len(names) != classes:
        raise ModelError(
            f"{classifier.name} has {classes} classes, but {len(names)} class names were given."
        )
    return names
