"""A session: one proved recording, shared by methods and targets, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple
from weakref import WeakMethod

import torch
from torch import Tensor

from ..errors import ModelError
from ..values import (
    AttentionTrace,
    Classifier,
    Grid,
    GridTrace,
    Incomplete,
    Method,
    Needs,
    ReadTrace,
    Recording,
    Trace,
)
from ..values import needs as kinds
from .black_box import BlackBox, Report, grid_of, on_grid
from .blocks import BlockScores
from .full import FullAutograd, FullGraph
from .hierarchy import Hierarchy
from .record import as_weights
from .relevance import Tapes
from .replay import Replay
from .single_patch import SinglePatches
from .stream import streams
from .survey import survey
from .tokens import NormTokens
from .unfit import INSTEAD, refuse_unfit

CHUNK: Final = 8  # pictures in one pass of a black-box method


class Session:
    """One proved recording, for any number of targets and methods.

    Made by `trace`, and used, inside one `evaluation_mode` context. What goes back through the
    model needs a pass with gradients: it is made once for all needs of one source, proved, and
    kept until `renewed`. Black-box methods give the model `chunk` pictures at most at once;
    `report` is called with their number after each pass.
    """

    def __init__(
        self,
        classifier: Classifier,
        recording: Recording,
        replay: Replay | Hierarchy | None = None,
        *,
        chunk: int = CHUNK,
        report: Report | None = None,
    ) -> None:
        self.recording = replace(recording, reads=_while_it_lives(WeakMethod(self._reads)))
        self.classifier, self._replay = classifier, replay
        self.chunk, self.report = chunk, report
        self._sources: dict[str, Any] = {} if replay is None else {"replay": replay}
        self.incomplete: list[Incomplete] = []  # of the last map, where it is known

    def renewed(self) -> Session:
        """The same recording and replay, and nothing else that was made of it: that is freed."""
        return Session(
            self.classifier, self.recording, self._replay, chunk=self.chunk, report=self.report
        )

    def relevance(self, method: Method, targets: Tensor) -> Tensor:
        """Relevance per patch (batch, target, patch) for `targets` (batch, target).

        A class-agnostic map is made once; where the replay is read, targets share passes back.
        """
        batch, count = targets.shape
        self.incomplete = []
        if not method.class_specific:
            relevance = method.function(self.trace(method, targets[:, 0]))
            return relevance[:, None].expand(-1, count, -1)
        maps = [method.function(trace) for trace in self._traces(method, targets)]
        relevance = torch.cat([some.reshape(batch, -1, some.shape[-1]) for some in maps], dim=1)
        changed, grid = self.grid(method), self.recording.grid
        return relevance if changed == grid else on_grid(relevance, changed, grid)

    def grid(self, method: Method) -> Grid:
        """The patches that a method gives relevance to, or changes."""
        if method.needs.black_box:
            return grid_of(self.recording, self.classifier.medium)
        return self.recording.grid

    def _traces(self, method: Method, targets: Tensor) -> Iterator[Any]:
        if isinstance(method.needs, kinds.Replay):
            self._check(method)
            yield from _side_by_side(self, method.needs, targets)
            return
        for column in targets.unbind(1):
            trace = self.trace(method, column)
            account = getattr(trace, "account", None)
            if account is not None:
                self.incomplete += account.incomplete
            yield trace

    def trace(self, method: Method, target: Tensor) -> Any:
        """What `method` reads to explain one target class per picture, `target` (batch,)."""
        self._check(method)
        self._check_reads(method)
        return _WAYS[type(method.needs)].trace(self, method.needs, target)

    def tracer(self, method: Method) -> str:
        """The name of the tracer that proved what `method` reads."""
        self._check(method)
        if self.recording.layout.tracer == "none" and "none" in method.needs.tracers:
            return "none"
        return str(self.proved(method.needs).name)

    def proved(self, needs: Needs) -> Any:
        """The pass behind these needs, made and proved when it is first needed."""
        if not needs.black_box and self.recording.layout.tracer == "none":
            survey(self.classifier, self.recording.pixels[:1])  # raises, and says why
        if needs.source not in self._sources:
            self._sources[needs.source] = _WAYS[type(needs)].make(self)
        return self._sources[needs.source]

    def _reads(self) -> Tensor:
        """Which tokens of the last block the classifier reads: (batch, token) weights."""
        layout, batch = self.recording.layout, len(self.recording.pixels)
        if layout.places:  # of the last attention, in each of its windows
            rows: Tensor = self.proved(kinds.Replay()).rows_read()
            return rows / rows.sum(1, keepdim=True).clamp(min=1)
        if layout.kept < layout.grid.tokens:  # a replay shows that no others are read
            rows = self.recording.logits.new_zeros(batch, layout.kept, dtype=torch.bool)
            rows[:, list(layout.reads)] = True
            return as_weights(rows, layout)
        return as_weights(self.proved(kinds.Replay()).rows_read(), layout)

    def _check(self, method: Method) -> None:
        refuse_unfit(self.classifier.name, self.recording.layout, method)
        if method.needs.keeps_calls and not self.recording.calls:
            self.proved(method.needs)  # a model that cannot be traced is refused for its own reason
            raise ModelError(
                f"this recording did not keep what {method.name} reads, every block's attention; "
                "name the method when the recording is made."
            )

    def _check_reads(self, method: Method) -> None:
        """Refuse to start at a class token, which lies nowhere on the grids that are followed."""
        places = self.recording.layout.places
        if not (places and method.reads_rows and method.from_last_block):
            return
        read = places[-1].by_picture(self._reads())
        if bool(read[:, ~places[-1].rows[0].any(1)].any()):
            raise ModelError(
                f"{self.classifier.name}: its classifier reads a row that lies nowhere "
                "on the picture (a class token, or one whose query no part of it changes), and "
                f"{method.name} follows positions from grid to grid; {INSTEAD}"
            )


def _while_it_lives(method: WeakMethod[Callable[[], Tensor]]) -> Callable[[], Tensor]:
    """A session's method: held by its recording it would keep both in memory for long."""

    def reads() -> Tensor:
        found = method()
        assert found is not None, "a recording is read while its session lives"
        return found()

    return reads


class _Way(NamedTuple):
    """How needs are met: the pass that is made once, and what is read of it for some targets."""

    make: Callable[[Session], Any]
    trace: Callable[[Session, Any, Tensor], Trace]


def _made_by(source: Callable[[Classifier, Recording], Any]) -> Callable[[Session], Any]:
    return lambda session: source(session.classifier, session.recording)


def _black_box(session: Session) -> BlackBox:
    return BlackBox(session.classifier, session.recording, session.chunk, session.report)


def _traced(session: Session, needs: Needs, target: Tensor) -> Any:
    return session.proved(needs).trace(target)


def _replayed(session: Session, needs: kinds.Replay, target: Tensor) -> Any:
    return next(_side_by_side(session, needs, target[:, None]))


def _side_by_side(session: Session, needs: kinds.Replay, targets: Tensor) -> Iterator[ReadTrace]:
    """Traces of `targets` (batch, target): one of all where the calls are read with them."""
    replay = session.proved(needs)
    if needs.calls:
        yield replay.trace_all(targets, session.recording.calls)
    else:
        yield from replay.trace_each(targets)


def _attention(session: Session, needs: Needs, target: Tensor) -> Trace:
    recording = session.recording
    places = recording.layout.places
    return AttentionTrace(recording.calls, recording.reads(), recording.grid, places)


def _grid(session: Session, needs: Needs, target: Tensor) -> Trace:
    return GridTrace(len(session.recording.logits), session.recording.grid)


def _by_rules(session: Session, needs: kinds.Tape, target: Tensor) -> Any:
    return session.proved(needs).by_rules(needs, target)


def _stream(session: Session, needs: kinds.Stream, target: Tensor) -> Trace:
    return streams(session.proved(needs), target, needs.path)


_REPLAY: Final = _made_by(FullAutograd)  # where the recording is not a replay
_TAPES: Final = _made_by(Tapes)
_WAYS: Final[dict[type[Needs], _Way]] = {
    kinds.NoEvidence: _Way(_REPLAY, _grid),
    kinds.Attention: _Way(_REPLAY, _attention),
    kinds.Replay: _Way(_REPLAY, _replayed),
    kinds.Graph: _Way(_made_by(FullGraph), _traced),
    kinds.Tape: _Way(_TAPES, _by_rules),
    kinds.Stream: _Way(_TAPES, _stream),
    kinds.BlockScores: _Way(_made_by(BlockScores), _traced),
    kinds.Tokens: _Way(_made_by(NormTokens), _traced),
    kinds.SinglePatch: _Way(_made_by(SinglePatches), _traced),
    kinds.BlackBox: _Way(_black_box, _traced),
}
