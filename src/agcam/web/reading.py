"""One recording of a picture by one model: what it answers again, and what of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from ..binding import find_logits, to_model
from ..images import Prepared
from ..tracing import Session, evaluation_mode, trace
from ..tracing.replay import Replay
from ..values import (
    AttentionTrace,
    Classifier,
    GridTrace,
    Method,
    ReachTrace,
    ReadTrace,
    Recording,
)
from .weigh import bytes_of, saved_in, tensors_in

LIGHT: Final = (ReadTrace, AttentionTrace, ReachTrace, GridTrace)  # the kept replay serves these


@dataclass(frozen=True)
class Question:
    """What is asked of a picture: `target` None is the predicted class; prompts are in order."""

    model: str
    method: str
    target: int | None = None
    prompts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reading:
    """One recording of a picture by one model, and the replay that was proved with it.

    `kept` is None where there is no replay, or where its graph is too large to keep; `nbytes` is
    what the reading holds in memory.
    """

    model: str
    prompts: tuple[str, ...]
    classifier: Classifier
    recording: Recording
    prepared: Prepared
    kept: Session | None
    nbytes: int

    def answers(self, question: Question, method: Method) -> bool:
        """Whether the question needs no other recording than this one."""
        lacks = method.needs in (AttentionTrace, ReachTrace) and not self.recording.calls
        return (self.model, self.prompts) == (question.model, question.prompts) and not lacks

    def session(self, method: Method) -> Session:
        """The evidence that a method reads, with the kept replay where it serves."""
        if self.kept is not None and method.needs in LIGHT:
            return self.kept
        return Session(self.classifier, self.recording)


def read(
    classifier: Classifier, prepared: Prepared, question: Question, method: Method, room: int
) -> tuple[Reading, Session]:
    """Record a picture for a question; the replay is kept if the reading fits `room` bytes."""
    with evaluation_mode(classifier.module):
        classifier, _ = find_logits(classifier, prepared.pixels)
        session = trace(classifier, to_model(classifier, prepared.pixels), [method])
    kept, size = _kept(classifier, session, room)
    asked = question.model, question.prompts
    return Reading(*asked, classifier, session.recording, prepared, kept, size), session


def _kept(classifier: Classifier, session: Session, room: int) -> tuple[Session | None, int]:
    """The replay alone, without graphs of whole passes, if there is room; and all bytes."""
    recording = session.recording
    tensors = list(tensors_in(recording))
    if recording.layout.tracer == "replay":
        replay = cast(Replay, session.proved(ReadTrace))
        size = bytes_of([*tensors, *saved_in(replay.logits)], classifier.module)
        if size <= room:
            return Session(classifier, recording, replay), size
    return None, bytes_of(tensors, classifier.module)
