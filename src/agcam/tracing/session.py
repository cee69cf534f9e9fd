"""One proved recording, and the evidence that is made of it for each method."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, get_args

import torch
from torch import Tensor

from ..errors import ModelError, UnknownNameError
from ..values import (
    AttentionTrace,
    AttnLrpTrace,
    BlockTrace,
    Classifier,
    GraphTrace,
    GridTrace,
    LibraTrace,
    LrpTrace,
    Method,
    PathTrace,
    Query,
    ReachTrace,
    ReadTrace,
    Recording,
    RuledTrace,
    SinglePatchTrace,
    StreamTrace,
    TokenTrace,
    Trace,
)
from .black_box import BlackBox, Report
from .blocks import BlockScores
from .full import FullAutograd, WholeGraph
from .record import as_weights
from .relevance import AttnLrp, Libra, Lrp, Ruled, Tapes
from .replay import Leaves, Replay
from .single_patch import SinglePatches
from .stream import Path, Streams
from .survey import survey
from .tokens import NormTokens
from .untraceable import BYPASSED

Tracer = Literal[
    "replay",
    "full",
    "tape",
    "block scores",
    "token features",
    "single patches",
    "black box",
    "none",
]
READ_TRACERS: Final = ("replay", "full")  # two ways to the same gradients, for AGCAM and its kin

CHUNK: Final = 8  # pictures in one pass, where a method asks about many
FROM_OUTSIDE: Final = (Query, GridTrace)  # evidence for which nothing is traced
OF_EVERY_BLOCK: Final = (AttentionTrace, ReachTrace)  # the recording keeps every attention call
_BY_RULES: Final[dict[type[Trace], type[Lrp | Ruled | Streams | Path]]] = {
    LrpTrace: Lrp,
    LibraTrace: Libra,
    AttnLrpTrace: AttnLrp,
    StreamTrace: Streams,
    PathTrace: Path,
}
"""Session from a tape; all of it shares the tape."""

_Inside = FullAutograd | WholeGraph | BlockScores | NormTokens | SinglePatches
_Asked = Replay | _Inside | Lrp | Ruled | Streams | Path | BlackBox


class Session:
    """One proved recording, and what can be asked of it: any number of targets, any method.

    Made by `trace`, and asked, inside one `evaluation_mode` context. Each
    kind of evidence that goes back
    through the model makes one pass with gradients, shared by every method and target. Methods
    that ask the model again give it `chunk` pictures at most, and `report` hears how many.
    """

    def __init__(
        self,
        classifier: Classifier,
        recording: Recording,
        replay: Replay | None = None,
        *,
        chunk: int = CHUNK,
        report: Report | None = None,
    ) -> None:
        self.recording = replace(recording, reads=self._reads)
        self._classifier, self._replay = classifier, replay
        self._chunk, self._report = chunk, report
        self._asked: dict[type[Trace], _Asked] = {} if replay is None else {ReadTrace: replay}
        self._tapes: Tapes | None = None
        self.completeness_errors: list[float] = []  # of the last map, where its evidence knows them

    def renewed(self) -> Session:
        """The same recording, and nothing else that was made of it since: that may be let go."""
        return Session(
            self._classifier,
            self.recording,
            self._replay,
            chunk=self._chunk,
            report=self._report,
        )

    def relevance(self, method: Method, targets: Tensor) -> Tensor:
        """Relevance per patch (batch, asked, patch) for `targets` (batch, asked).

        A class-agnostic map is made once; where the replay is read, targets share passes back.
        """
        batch, asked = targets.shape
        self.completeness_errors = []
        if not method.class_specific:
            return method.function(self.trace(method, targets[:, 0]))[:, None].expand(-1, asked, -1)
        maps = [method.function(trace) for trace in self._each(method, targets)]
        return torch.cat([some.reshape(batch, -1, some.shape[-1]) for some in maps], dim=1)

    def _each(self, method: Method, targets: Tensor) -> Iterator[Trace]:
        leaves = self.proved(method.needs) if method.needs is ReadTrace else None
        if isinstance(leaves, Leaves):
            yield from leaves.ask_each(targets)
        else:
            for column in targets.unbind(1):
                trace = self.trace(method, column)
                if isinstance(trace, RuledTrace):
                    self.completeness_errors += trace.completeness_error.tolist()
                yield trace

    def trace(self, method: Method, target: Tensor) -> Trace:
        """What `method` needs to explain one target class a picture (batch,)."""
        recording = self.recording
        self._check(method)
        if method.needs in OF_EVERY_BLOCK and not recording.calls:
            self.proved(method.needs)  # a model that cannot be traced is refused for its own reason
            raise ModelError(
                f"this recording did not keep what {method.name} reads, every block's attention; "
                "name the method when the recording is made."
            )
        if method.needs is AttentionTrace:
            return AttentionTrace(recording.calls, recording.reads(), recording.grid)
        if method.needs is GridTrace:
            return GridTrace(len(recording.logits), recording.grid)
        asked = self.proved(method.needs).ask(target)
        if method.needs is ReachTrace and isinstance(asked, ReadTrace):
            return ReachTrace(asked.blocks, recording.calls, recording.grid)
        return asked

    def _reads(self) -> Tensor:
        """Which tokens of the last block the classifier reads: (batch, token) weights."""
        layout, batch = self.recording.layout, len(self.recording.pixels)
        if layout.kept < layout.grid.tokens:  # a replay shows that no others are read
            rows = torch.zeros(batch, layout.kept, dtype=torch.bool)
            rows[:, list(layout.reads)] = True
            return as_weights(rows, layout)
        leaves = self.proved(ReadTrace)
        assert isinstance(leaves, Leaves)
        return as_weights(leaves.rows_read(), layout)

    def proved(self, needs: type[Trace]) -> _Asked:
        """The tracer behind this kind of evidence, made and proved when first asked for."""
        kind = needs if needs in {*_KINDS, *_BY_RULES, Query} else ReadTrace
        if kind is not Query and self.recording.layout.tracer == "none":
            survey(self._classifier, self.recording.pixels[:1])  # raises, and says why
        if kind not in self._asked:
            self._asked[kind] = self._make(kind)
        return self._asked[kind]

    def tracer(self, method: Method) -> str:
        """The name of the tracer that proved what `method` reads."""
        self._check(method)
        if method.needs is GridTrace and self.recording.layout.tracer == "none":
            return "none"
        return self.proved(method.needs).name

    def _check(self, method: Method) -> None:
        layout = self.recording.layout
        within = method.needs not in {ReadTrace, *OF_EVERY_BLOCK, *FROM_OUTSIDE}
        if layout.bypassed and within:
            raise ModelError(
                f"{self._classifier.name}: {layout.why or BYPASSED}, so the gradients that "
                f"{method.name} reads do not begin at its first block; choose agcam, or a "
                "black-box method (occlusion)."
            )
        if method.from_last_block and layout.branches:
            raise ModelError(
                f"{self._classifier.name}: {layout.why}, and {method.name} starts at the tokens of "
                "the last block; choose agcam, or a black-box method (occlusion)."
            )

    def _make(self, kind: type[Trace]) -> _Asked:
        if kind is Query:
            return BlackBox(self._classifier, self.recording, self._chunk, self._report)
        if kind not in _BY_RULES:
            return _KINDS[kind](self._classifier, self.recording)
        if self._tapes is None:
            self._tapes = Tapes(self._classifier, self.recording)
        return _BY_RULES[kind](self._tapes)


_KINDS: Final[dict[type[Trace], type[_Inside]]] = {
    ReadTrace: FullAutograd,  # where the recording is no replay
    GraphTrace: WholeGraph,
    BlockTrace: BlockScores,
    TokenTrace: NormTokens,
    SinglePatchTrace: SinglePatches,
}


def tracers_of(method: Method) -> tuple[str, ...]:
    """The names that `tracer` may have for a method: the ways to the evidence it reads."""
    if method.needs is GridTrace:
        return (*READ_TRACERS, "none")
    if method.needs in {ReadTrace, *OF_EVERY_BLOCK}:
        return READ_TRACERS
    kinds: dict[type[Trace], Any] = {**_KINDS, **_BY_RULES, Query: BlackBox}
    return (str(kinds[method.needs].name),)


def check_tracer(tracer: str | None, methods: Sequence[Method]) -> None:
    """Refuse a tracer that there is not, or that is none for one of the methods."""
    if tracer is None:
        return
    if tracer not in get_args(Tracer):
        raise UnknownNameError(
            f"no tracer is called {tracer!r}; there are {', '.join(get_args(Tracer))}, and None, "
            "which chooses by itself."
        )
    for method in methods:
        names = tracers_of(method)
        if tracer not in names:
            raise UnknownNameError(
                f"tracer={tracer!r} does not give what {method.name} reads; leave it out, or give "
                f"{' or '.join(map(repr, names))}."
            )
