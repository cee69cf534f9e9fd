"""Tracing: from a classifier and pixels to evidence, with the model left as it was found."""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, get_args

import torch
from torch import Tensor, nn

from ..errors import ModelError, ProofError, UnknownNameError
from ..undo import leaving_nothing
from ..values import (
    AloneTrace,
    AttentionTrace,
    AttnLrpTrace,
    BlockTrace,
    Classifier,
    FullTrace,
    GridTrace,
    Layout,
    LibraTrace,
    LrpTrace,
    Method,
    Oracle,
    PathTrace,
    ReachTrace,
    ReadTrace,
    Recording,
    RuledTrace,
    StreamTrace,
    TokenTrace,
    Trace,
)
from .alone import Alone
from .blocks import BlockScores
from .full import FullAutograd, WholeGraph
from .hooks import LayoutMismatchError
from .oracle import Asking, Report, coarse_grid
from .prove import prove_logits
from .quiet import quiet
from .record import as_weights, logits_of, record
from .relevance import AttnLrp, Libra, Lrp, Ruled, Tapes
from .replay import Leaves, Replay
from .stream import Path, Streams
from .survey import UntraceableError, survey
from .tokens import NormTokens

__all__ = ["Evidence", "Report", "Tracer", "leaving_nothing", "quiet", "trace", "tracers_of"]

Tracer = Literal[
    "replay", "full", "tape", "block scores", "token features", "tokens alone", "black box", "none"
]
READ_TRACERS: Final = ("replay", "full")  # two ways to the same gradients, for AGCAM and its kin
REMEMBERED: Final = 32  # layouts of one model: input sizes and target functions
MIXED: Final = "its blocks mix tokens outside attention, or count them"

CHUNK: Final = 8  # pictures in one pass, where a method asks about many
FROM_OUTSIDE: Final = (Oracle, GridTrace)  # evidence for which nothing is traced
_OF_EVERY_BLOCK: Final = (AttentionTrace, ReachTrace)  # the recording keeps every attention call
_BY_RULES: Final[dict[type[Trace], type[Lrp | Ruled | Streams | Path]]] = {
    LrpTrace: Lrp,
    LibraTrace: Libra,
    AttnLrpTrace: AttnLrp,
    StreamTrace: Streams,
    PathTrace: Path,
}
"""Evidence from a tape; all of it shares the tape."""

_Inside = FullAutograd | WholeGraph | BlockScores | NormTokens | Alone
_Asked = Replay | _Inside | Lrp | Ruled | Streams | Path | Asking
_Key = tuple[tuple[int, ...], Hashable]  # channels, height, width of the input; the variant
_layouts: weakref.WeakKeyDictionary[nn.Module, dict[_Key, Layout]] = weakref.WeakKeyDictionary()


class Evidence:
    """One proved recording, and what can be asked of it: any number of targets, any method.

    Made by `trace`, and asked, inside one `quiet` context. Each kind of evidence that goes back
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

    def afresh(self) -> Evidence:
        """The same recording, and nothing else that was made of it since: that may be let go."""
        return Evidence(
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
            return method.function(self.of(method, targets[:, 0]))[:, None].expand(-1, asked, -1)
        maps = [method.function(trace) for trace in self._each(method, targets)]
        return torch.cat([some.reshape(batch, -1, some.shape[-1]) for some in maps], dim=1)

    def _each(self, method: Method, targets: Tensor) -> Iterator[Trace]:
        leaves = self.proved(method.needs) if method.needs is ReadTrace else None
        if isinstance(leaves, Leaves):
            yield from leaves.ask_each(targets)
        else:
            for column in targets.unbind(1):
                trace = self.of(method, column)
                if isinstance(trace, RuledTrace):
                    self.completeness_errors += trace.completeness_error.tolist()
                yield trace

    def of(self, method: Method, target: Tensor) -> Trace:
        """What `method` needs to explain one target class a picture (batch,)."""
        recording = self.recording
        self._check(method)
        if method.needs in _OF_EVERY_BLOCK and not recording.calls:
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
        kind = needs if needs in {*_KINDS, *_BY_RULES, Oracle} else ReadTrace
        if kind is not Oracle and self.recording.layout.tracer == "none":
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
        if method.from_last_block and layout.branches:
            raise ModelError(
                f"{self._classifier.name}: {layout.why}, and {method.name} starts at the tokens of "
                "the last block; choose agcam, or a black-box method (occlusion)."
            )

    def _make(self, kind: type[Trace]) -> _Asked:
        if kind is Oracle:
            return Asking(self._classifier, self.recording, self._chunk, self._report)
        if kind not in _BY_RULES:
            return _KINDS[kind](self._classifier, self.recording)
        if self._tapes is None:
            self._tapes = Tapes(self._classifier, self.recording)
        return _BY_RULES[kind](self._tapes)


_KINDS: Final[dict[type[Trace], type[_Inside]]] = {
    ReadTrace: FullAutograd,  # where the recording is no replay
    FullTrace: WholeGraph,
    BlockTrace: BlockScores,
    TokenTrace: NormTokens,
    AloneTrace: Alone,
}


def tracers_of(method: Method) -> tuple[str, ...]:
    """The names that `tracer` may have for a method: the ways to the evidence it reads."""
    if method.needs is GridTrace:
        return (*READ_TRACERS, "none")
    if method.needs in {ReadTrace, *_OF_EVERY_BLOCK}:
        return READ_TRACERS
    kinds: dict[type[Trace], Any] = {**_KINDS, **_BY_RULES, Oracle: Asking}
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


def trace(
    classifier: Classifier,
    pixels: Tensor,
    methods: Sequence[Method],
    tracer: Tracer | None = None,
    *,
    chunk: int = CHUNK,
    report: Report | None = None,
    lazy: bool = False,
) -> Evidence:
    """Record one pass over `pixels` (batch 3 height width) and prove it; call inside `quiet`.

    The recording keeps what `methods` need, so that all of them share it. The model is surveyed
    at the first call for an input size, and again if it was changed since. A model that cannot be
    traced is still recorded if all methods only ask it from outside. With `lazy` it always is, and
    each kind of evidence is proved, or refused, when it is first asked for. Raises ModelError or
    ProofError rather than giving evidence that was not proved.
    """
    check_tracer(tracer, methods)
    outside = lazy or all(method.needs in FROM_OUTSIDE for method in methods)
    whole = any(method.needs in _OF_EVERY_BLOCK for method in methods)

    def evidence(layout: Layout, replay: Replay | None = None) -> Evidence:
        wanted = _as_wanted(classifier, layout, tracer)
        if wanted.heads_first and len(pixels) > 1:
            raise ModelError(
                f"{classifier.name} folds heads and pictures into one axis, heads first, so its "
                "attention can be told apart for one picture at a time: batch_size=1."
            )
        if wanted.tracer == "replay":
            replay = replay or Replay(classifier, pixels, wanted, whole)
        else:
            replay = None
        recording = replay.recording if replay else record(classifier, pixels, wanted, whole)
        found = Evidence(classifier, recording, replay, chunk=chunk, report=report)
        for method in () if lazy else methods:
            found.tracer(method)
        return found

    known = _layouts.setdefault(classifier.module, {})
    key = (tuple(pixels.shape[1:]), classifier.variant)
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


def _remember(known: dict[_Key, Layout], key: _Key, layout: Layout) -> None:
    while len(known) >= REMEMBERED:
        del known[next(iter(known))]
    known[key] = layout


def _as_wanted(classifier: Classifier, layout: Layout, tracer: Tracer | None) -> Layout:
    """The layout for the tracer that the caller names; ModelError where it cannot be right."""
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
        return Layout.outside(coarse_grid(picture)), None
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
