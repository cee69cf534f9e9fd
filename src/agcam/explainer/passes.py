"""Passes of the model over the pictures, and what each leaves: columns, targets, maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..binding import BoundTarget, to_model
from ..errors import AgcamError, ModelError
from ..tracing import Session, evaluation_mode, trace
from ..values import Classifier, Grid, Incomplete, Method, precise, split
from .blocks import block_maps_of
from .views import ONE, Views, views_of

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
    grid_map: Float[Tensor, "batch target *more rows columns"]  # views, or time steps, if any
    grid: Grid
    tracer: str
    views: Views = ONE
    incomplete: tuple[Incomplete, ...] = ()  # if the method's evidence knows it
    block_maps: Float[Tensor, "batch target block head *time rows columns"] | None = None

    def chosen(self, columns: Tensor, target: Tensor) -> Maps:
        """The maps of these targets (batch, target) among its own."""
        places = torch.arange(len(target))[:, None], target
        blocks = None if self.block_maps is None else self.block_maps[places]
        return replace(
            self,
            columns=columns,
            target=target,
            grid_map=self.grid_map[places],
            block_maps=blocks,
        )


Found = dict[str, Maps | AgcamError]
"""What came of each method: its maps or, but for the first one's, what refused them."""


def join(parts: Sequence[Maps], dim: int) -> Maps:
    """Maps of further pictures (dim 0), or of further targets of the same pictures (dim 1)."""
    blocks = [part.block_maps for part in parts if part.block_maps is not None]
    return replace(
        parts[0],
        columns=torch.cat([part.columns for part in parts]) if dim == 0 else parts[0].columns,
        target=torch.cat([part.target for part in parts], dim),
        grid_map=torch.cat([part.grid_map for part in parts], dim),
        incomplete=tuple(one for part in parts for one in part.incomplete),
        block_maps=torch.cat(blocks, dim) if blocks else None,
    )


def each_method(parts: Sequence[Found], combine: Callable[[list[Maps]], Maps]) -> Found:
    """The maps of each method, combined; a method that was refused once is refused."""
    found: Found = {}
    for name in parts[0]:
        some = [part[name] for part in parts]
        refusals = [one for one in some if isinstance(one, AgcamError)]
        maps = [one for one in some if isinstance(one, Maps)]
        found[name] = refusals[0] if refusals else combine(maps)
    return found


@dataclass(frozen=True)
class Run:
    """How the pictures of one call are explained."""

    bound: BoundTarget
    pixels: Float[Tensor, "batch axis *axes"]
    methods: tuple[Method, ...]  # from one recording; the first must not be refused
    tracer: str | None  # as the caller gave it: `trace` checks it
    batch_size: int
    counter: PassCounter
    count: int = 1  # views of each picture
    blocks: bool = False  # whether the parts of agcam's maps are kept

    @cached_property
    def views(self) -> Views:
        """The views of each picture; the patches are those of the first."""
        if self.count == 1:
            return ONE
        classifier = self.bound.classifier()
        with evaluation_mode(classifier.module):
            return views_of(self.count, classifier, to_model(classifier, self.pixels[:1]))

    def maps(self) -> Found:
        """The maps of all pictures by each method, a batch at a time; one by one if inputs differ.

        A batch has all views of its pictures.
        """
        step = max(1, self.batch_size // self.count) if self.bound.inputs is None else 1
        parts = [self._batch(first, step) for first in range(0, len(self.pixels), step)]
        return each_method(parts, partial(join, dim=0))

    def _batch(self, first: int, step: int) -> Found:
        """The maps of some pictures. Functions of the whole output have a pass each.

        What they read may differ; all are explained by the methods that suit the first one.
        """
        pixels = self.pixels[first : first + step]
        if not self.bound.of_output:
            return self._pass(self.bound, pixels, first, self.methods)
        one, *others = self.bound.apart
        parts = [self._pass(one, pixels, first, self.methods)]
        methods = tuple(
            replace(row, where_pooled=None)
            for method in self.methods
            for row in method.either
            if row.name in parts[0]
        )
        parts += [self._pass(bound, pixels, first, methods) for bound in others]
        of_first = [part[self.methods[0].name] for part in parts]
        values = torch.cat([one.columns[:, :1] for one in of_first if isinstance(one, Maps)], 1)
        target = self.bound.columns(values[:, :0], first)
        return each_method(parts, lambda maps: join(maps, 1).chosen(values, target))

    def _pass(
        self, bound: BoundTarget, pixels: Tensor, first: int, methods: tuple[Method, ...]
    ) -> Found:
        """One recording of all views, and by each method its maps."""
        views, counter = self.views, self.counter
        classifier = bound.classifier(first)
        with evaluation_mode(classifier.module):
            session = trace(
                classifier,
                to_model(classifier, views.of_pictures(pixels)),
                methods[:1],
                self.tracer,
                chunk=self.batch_size,
                report=counter.report,
                beside=methods[1:],
            )
            logits, _ = split(classifier, session.recording.logits[: len(pixels)])
            columns = bound.columns(logits, first)  # of the picture, not of views
            targets = len(self.bound.functions) if self.bound.of_output else columns.shape[1]
            each = sum(method.pictures(session.grid(method)) for method in methods) * targets
            counter.total = each * len(self.pixels) * len(views)
            return found_by(methods, session, partial(self._maps, classifier, columns))

    def _maps(
        self, classifier: Classifier, columns: Tensor, session: Session, method: Method
    ) -> Maps:
        """For each target one map, or one for each view."""
        every = maps_of(classifier, session, columns, method, self.views)
        blocks = block_maps_of(session, method, columns) if self.blocks else None
        return replace(every, block_maps=blocks)


def found_by(
    methods: Sequence[Method], session: Session, make: Callable[[Session, Method], Maps]
) -> Found:
    """What `make` makes of one session by each method; all but the first may be refused."""
    found: Found = {}
    for method in (one.shown_of(session.recording.layout) for one in methods):
        if method.needs.source != methods[0].needs.source:
            session = session.renewed()  # frees what the method before has made
        try:
            found[method.name] = make(session, method)
        except AgcamError as error:
            if not found:
                raise
            found[method.name] = error
    return found


def maps_of(
    classifier: Classifier,
    session: Session,
    columns: Int[Tensor, "batch target"],
    method: Method,
    views: Views = ONE,
) -> Maps:
    """The maps of targets given by their columns; the session is of all views of the pictures."""
    recording, grid, count = session.recording, session.recording.grid, len(views)
    relevance = session.relevance(method, columns.repeat(count, 1))
    relevance = _finite(relevance, classifier, method).to(precise(recording.logits[:0]).dtype)
    every = relevance.reshape(count, *columns.shape, *grid.shape).movedim(0, 2).cpu()
    return Maps(
        recording.logits[: len(columns)].cpu(),
        columns.cpu(),
        every if count > 1 else every.squeeze(2),
        grid,
        session.tracer(method),
        views,
        incomplete=tuple(session.incomplete),
    )


def _finite(relevance: Tensor, classifier: Classifier, method: Method) -> Tensor:
    """The map in float32 at least; ModelError if it holds NaN or infinite values."""
    if not bool(torch.isfinite(relevance).all()):
        raise ModelError(
            f"{classifier.name}: the {method.name} map has NaN or infinite values; the model's "
            "gradients overflow in its precision. Try bfloat16 or float32."
        )
    return precise(relevance)
