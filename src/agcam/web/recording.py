"""A recording of one picture by one model that is kept: which maps it serves, what it weighs."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from ..binding import find_logits, to_model
from ..explainer import Views, views_of
from ..images import Prepared
from ..methods import METHODS
from ..tracing import Session, evaluation_mode, trace
from ..values import Classifier, Method, Recording
from ..values.needs import Replay
from .schemas import Selection


@dataclass(frozen=True)
class CachedRecording:
    """One recording of a picture's views by one model, and the replay that was proved with it.

    `replay` is None where there is none, or where its graph is too large to keep.
    """

    selection: Selection
    classifier: Classifier
    recording: Recording
    prepared: Prepared
    replay: Any
    views: Views

    @property
    def nbytes(self) -> int:
        """What all of it holds in memory."""
        held: tuple[Any, ...] = (self.recording, self.prepared)
        if self.replay is not None:
            held = (*held, *vars(self.replay).values(), *_saved_by(self.replay.logits))
        return _bytes_of(_tensors_in(held), self.classifier.module)

    def serves(self, selection: Selection, method: Method) -> bool:
        """Whether no other recording than this one is needed."""
        lacks = method.needs.keeps_calls and not self.recording.calls
        alike = ("model", "prompts", "views")
        same = all(getattr(self.selection, name) == getattr(selection, name) for name in alike)
        return same and not lacks

    def session(self, method: Method) -> Session:
        """The session that a method reads, with the kept replay where it serves."""
        replay = self.replay if method.needs.light else None
        return Session(self.classifier, self.recording, replay)

    def without_calls(self) -> CachedRecording:
        """The same without whole attentions, which most maps do not read."""
        recording = replace(self.recording, calls=())
        replay = self.replay and self.replay.beside(recording)
        return replace(self, recording=recording, replay=replay)


def record(
    classifier: Classifier, prepared: Prepared, selection: Selection, method: Method, room: int
) -> tuple[CachedRecording, Session]:
    """Record a picture so that all light methods are served; what does not fit `room` is not kept.

    `room` is in bytes. The session is for the method at once, whatever is kept.
    """
    methods = [method, METHODS["agcam_spread"]] if method.needs.light else [method]
    with evaluation_mode(classifier.module):
        classifier, _ = find_logits(classifier, prepared.pixels)
        pixels = to_model(classifier, prepared.pixels)
        views = views_of(selection.views, classifier, pixels)
        session = trace(classifier, views.of_pictures(pixels), methods)
    recording = session.recording
    replayed = recording.layout.tracer == "replay"
    proved = session.proved(Replay()).beside(recording) if replayed else None
    made = CachedRecording(selection, classifier, recording, prepared, proved, views)
    if made.nbytes > room:
        made = replace(made if method.needs.keeps_calls else made.without_calls(), replay=None)
    return made, session


def return_freed_memory() -> None:
    """Give the system what this process freed, where the C library can (glibc).

    What is kept of a picture lies between its freed activations, which glibc would not return:
    20 MB per picture beside 10 MB kept. It takes 20 ms, 4 % of a first answer.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def _bytes_of(tensors: Iterable[Tensor], module: nn.Module) -> int:
    """Bytes of tensors, each memory counted once, the model's own weights not at all."""
    storages = (tensor.untyped_storage() for tensor in tensors)
    sizes = {storage.data_ptr(): storage.nbytes() for storage in storages}
    weights = {weight.untyped_storage().data_ptr() for weight in module.parameters()}
    return sum(size for place, size in sizes.items() if place not in weights)


def _saved_by(logits: Tensor) -> Iterator[Tensor]:
    """What autograd keeps for the way back from `logits`."""
    nodes, seen = [logits.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found = (getattr(node, name) for name in dir(node) if name.startswith("_saved_"))
        yield from (value for value in found if isinstance(value, Tensor))
        nodes += [below for below, _ in node.next_functions]


def _tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in nested tuples and frozen records."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _tensors_in(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _tensors_in(getattr(value, name))
