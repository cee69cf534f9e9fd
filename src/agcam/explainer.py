"""From a picture to an explanation: the data's way, read aloud."""

from __future__ import annotations

import platform
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any, Final

import torch
from torch import Tensor

from . import targets
from ._version import __version__
from .errors import ModelError, PictureError
from .explanation import Explanation
from .families import load, weights_hash
from .images import Prepared, prepare_all
from .methods import METHODS
from .question import Question, ask, to_model
from .tracing import Evidence, Tracer, leaving_nothing, quiet, trace
from .values import (
    Classifier,
    Grid,
    Method,
    answers_of,
    kind_of,
    probabilities_of,
    split,
)

BATCH_SIZE: Final = 8
AT_LIMIT: Final = 1e-6
Progress = Callable[[int, int], None]
"""Is told, now and then, how much is done and how much there is, in pictures asked about."""
ONE_OUTPUT: Final = (
    "one output has no softmax: it is taken as the logit of yes against no (sigmoid); of a "
    'regression say scores="none" (--scores none)',
)
LIBRARIES: Final = ("torch", "timm", "transformers", "torchvision", "open_clip_torch", "numpy")


@leaving_nothing
def explain(
    model: object,
    pictures: Any,
    target: Any = None,
    method: str = "agcam",
    *,
    batch_size: int = BATCH_SIZE,
    tracer: Tracer | None = None,
    progress: Progress | None = None,
    preparation: Any = None,
    inputs: Any = None,
) -> Explanation:
    """Explain what an image classifier saw, for any class; the model is left as it was found.

    `model`: a module, a Hugging Face pipeline, a name ("timm:vit_base_patch16_224") or what
    `agcam.load` gave. `pictures`: a path, PIL image, HxWx3 array, a list of these, or a prepared
    tensor (batch, channel, height, width), used as it is. `target`: None (the prediction), a class
    number, a name, "not NAME" (a class's other side), `Top(k)`, a list (one a picture), a list of
    lists (several a picture), a text prompt for CLIP-like models; or no class: a function of the
    model's output for one picture (the logits, else all that it gives), `Target` to name it,
    `Against` (a class against another), `Similarity` (to another picture); a list of those is
    several for each picture. `batch_size` is the most pictures that the model is given at once,
    also by methods that ask it about many. `tracer` names the way to the gradients: "full" is full
    autograd instead of the replay, "replay" refuses models that need it; other methods have one way
    each, and None chooses. `preparation` says how pictures are prepared, as in `agcam.load`.
    `progress(done, total)` is called by methods that ask again, after each pass. `inputs` are what
    the model's `forward` takes beside the picture, a dict by name or a tuple by position; tensors
    with one row for each picture go with their pictures, all else is given whole.

    Raises an AgcamError that names the fix; never returns a map that was not proved.
    """
    if not isinstance(batch_size, int) or batch_size < 1:
        raise PictureError(f"batch_size is the number of pictures in one pass, not {batch_size!r}.")
    row = METHODS[method]
    loaded = load(model, preparation=preparation)
    prepared = prepare_all(loaded, pictures)
    question = ask(loaded, prepared.pixels, target, inputs, batch_size)
    run = _Run(prepared, row, tracer, batch_size, Watch(progress))
    step = batch_size if question.inputs is None else 1
    starts = range(0, len(prepared.pixels), step)
    parts = [run.part(question, slice(start, start + step)) for start in starts]
    return _assemble(question.described(), row, prepared, parts)


@dataclass
class Watch:
    """Counts the pictures that the model was asked about, for whoever waits."""

    progress: Progress | None
    done: int = 0
    total: int = 0
    questions: int = 1  # that are put one after another

    def report(self, count: int) -> None:
        """The model was asked about some more pictures."""
        self.done += count
        if self.progress is not None:
            self.progress(self.done, self.total)


@dataclass(frozen=True)
class _Part:
    columns: Tensor  # logits, and scalars behind them
    target: Tensor
    grid_map: Tensor
    grid: Grid
    tracer: str
    errors: tuple[float, ...] = ()  # of completeness, where the method's evidence knows it


@dataclass(frozen=True)
class _Run:
    """How all pictures of one call are explained."""

    prepared: Prepared
    method: Method
    tracer: Tracer | None
    at_once: int
    watch: Watch

    def part(self, question: Question, some: slice) -> _Part:
        """The question put to some of the pictures.

        Functions of the whole output may read other tokens each, so each has a pass of its own.
        """
        target = targets.part(question.target, some, len(self.prepared.pixels))
        if not question.whole:
            return self._pass(question.classifier(some.start), some, target)
        self.watch.questions = len(question.alone)
        parts = [self._pass(one.classifier(some.start), some, one.target) for one in question.alone]
        return _side_by_side(parts, target)

    def _pass(self, classifier: Classifier, some: slice, target: Any) -> _Part:
        """One recording, and one map for each target asked of it."""
        with quiet(classifier.module):
            ready = to_model(classifier, self.prepared.pixels[some])
            evidence = trace(
                classifier,
                ready,
                [self.method],
                self.tracer,
                chunk=self.at_once,
                report=self.watch.report,
            )
            pictures = len(self.prepared.pixels)
            return _ask(classifier, evidence, target, self.method, self.watch, pictures)


def _side_by_side(parts: Sequence[_Part], target: Any) -> _Part:
    """What was asked one by one as if it had been asked at once."""
    columns = torch.cat([part.columns[:, :1] for part in parts], 1)
    maps = torch.cat([part.grid_map for part in parts], 1)
    asked = targets.resolve(target, columns[:, :0], ())
    every = torch.arange(len(maps))[:, None]
    errors = tuple(error for part in parts for error in part.errors)
    return replace(
        parts[0], columns=columns, target=asked, grid_map=maps[every, asked], errors=errors
    )


def answer(
    classifier: Classifier, evidence: Evidence, prepared: Prepared, target: Any, method: Method
) -> Explanation:
    """Explain pictures from a recording made before; call inside `quiet`.

    `evidence` is of all of `prepared`; `target` is as in `explain`. For those who keep a recording
    because they will be asked again.
    """
    pictures = len(prepared.pixels)
    part = _ask(classifier, evidence, target, method, Watch(None), pictures)
    return _assemble(classifier, method, prepared, [part])


def answer_in_slices(
    classifier: Classifier, prepared: Prepared, target: Any, method: Method, at_once: int
) -> Generator[Callable[[], None], None, Explanation]:
    """Explain prepared pictures as `explain` does, `at_once` targets at a time, for many who wait.

    A step is a slice of the work, between which others may use the model; it gives a function that
    lets go of the evidence, which is then made again when it is needed. Returns the Explanation.
    """
    held: list[Evidence] = []
    parts: list[_Part] = []
    columns: list[Tensor] | None = None
    while columns is None or len(parts) < len(columns):
        with quiet(classifier.module):
            if not held:
                ready = to_model(classifier, prepared.pixels)
                held.append(trace(classifier, ready, [method]))
            logits, _ = split(classifier, held[0].recording.logits)
            if columns is None:
                names = _names(classifier, logits.shape[-1])
                columns = list(torch.split(targets.resolve(target, logits, names), at_once, dim=1))
            asked = _as_target(columns[len(parts)], logits.shape[-1])
            parts.append(
                _ask(classifier, held[0], asked, method, Watch(None), len(prepared.pixels))
            )
        yield held.clear
    whole = replace(
        parts[0],
        target=torch.cat([part.target for part in parts], 1),
        grid_map=torch.cat([part.grid_map for part in parts], 1),
        errors=tuple(error for part in parts for error in part.errors),
    )
    return _assemble(classifier, method, prepared, [whole])


def _as_target(columns: Tensor, classes: int) -> list[list[Any]]:
    """Resolved targets as they may be resolved again: those behind the classes are no classes."""
    return [
        [targets.Column(index - classes) if index >= classes else index for index in row]
        for row in columns.tolist()
    ]


def _ask(
    classifier: Classifier,
    evidence: Evidence,
    target: Any,
    method: Method,
    watch: Watch,
    pictures: int,
) -> _Part:
    """Maps of every target; `pictures` are all that `watch` tells of, those of other parts too."""
    columns, grid = evidence.recording.logits, evidence.recording.grid
    logits, _ = split(classifier, columns)
    names = _names(classifier, logits.shape[-1])
    asked = targets.resolve(target, logits, names).to(logits.device)
    asks = method.asks(grid) if method.asks is not None else 0
    watch.total = asks * pictures * asked.shape[1] * watch.questions
    relevance = finite(evidence.relevance(method, asked), classifier, method)
    relevance = relevance.reshape(*asked.shape, grid.rows, grid.columns)
    exact = torch.promote_types(logits.dtype, torch.float32)
    return _Part(
        columns.cpu(),
        asked.cpu(),
        relevance.to(exact).cpu(),
        grid,
        evidence.tracer(method),
        tuple(evidence.completeness_errors),
    )


def finite(relevance: Tensor, classifier: Classifier, method: Method) -> Tensor:
    """The map in float32 at least; ModelError where it holds NaN or infinite values."""
    if not bool(torch.isfinite(relevance).all()):
        raise ModelError(
            f"{classifier.name}: the {method.name} map has NaN or infinite values; the model's "
            "gradients overflow in its precision. Try bfloat16 or float32."
        )
    return relevance.to(torch.promote_types(relevance.dtype, torch.float32))


def _assemble(
    classifier: Classifier, method: Method, prepared: Prepared, parts: Sequence[_Part]
) -> Explanation:
    every = _Part(
        columns=torch.cat([part.columns for part in parts]),
        target=torch.cat([part.target for part in parts]),
        grid_map=torch.cat([part.grid_map for part in parts]),
        grid=parts[0].grid,
        tracer=parts[0].tracer,
        errors=tuple(error for part in parts for error in part.errors),
    )
    logits, _ = split(classifier, every.columns)
    classes = logits.shape[-1]
    kind = kind_of(classifier, classes)
    of_scores = ONE_OUTPUT if kind == "sigmoid" and classifier.scores == "softmax" else ()
    of_maps = *_completeness(method, every), *_flat(method, classifier, every)
    return Explanation(
        logits=logits,
        probabilities=probabilities_of(classifier, logits),
        prediction=logits.argmax(-1) if classes else torch.full((len(logits),), -1),
        target=every.target.masked_fill(every.target >= classes, -1),
        answers=tuple(
            answers_of(classifier, row, asked.tolist())
            for row, asked in zip(every.columns, every.target, strict=True)
        ),
        grid_map=every.grid_map,
        class_names=_names(classifier, classes),
        scores=kind,
        model=classifier.name,
        family=classifier.family,
        weights_hash=weights_hash(classifier.module),
        method=method.name,
        class_specific=method.class_specific,
        tracer=every.tracer,
        grid=every.grid,
        versions=versions(),
        notes=(*classifier.notes, *prepared.notes, *of_scores, *of_maps),
        frames=prepared.frames,
        pictures=prepared.pictures,
        sources=prepared.sources,
        preparation=prepared.preparation,
    )


def _flat(method: Method, classifier: Classifier, part: _Part) -> tuple[str, ...]:
    """A note for each target whose map says nothing, which colours would hide."""
    classes = part.columns.shape[1] - len(classifier.scalars)
    notes = []
    for row, asked, maps in zip(part.columns, part.target.tolist(), part.grid_map, strict=True):
        answers = answers_of(classifier, row, asked)
        for answer, column, grid_map in zip(answers, asked, maps, strict=True):
            limit = None if column < classes else classifier.scalars[column - classes].limit
            if not grid_map.any():
                why = "nothing in the picture moves it"
                notes.append(f"the {method.name} map of {answer.name} is zero everywhere: {why}")
            elif limit is not None and answer.value > limit - AT_LIMIT:
                why = "a map of what would change it is a map of rounding"
                notes.append(f"{answer.name} is at its highest, {limit:g}: {why}")
    return tuple(dict.fromkeys(notes))


def _completeness(method: Method, part: _Part) -> tuple[str, ...]:
    if not part.errors:
        return ()
    error = max(part.errors)
    return (f"{method.name}: completeness error at most {error:.1e} of the target's logit",)


def _names(classifier: Classifier, classes: int) -> tuple[str, ...]:
    names = classifier.class_names
    if names and len(names) != classes:
        raise ModelError(
            f"{classifier.name} has {classes} classes, but {len(names)} class names were given."
        )
    return names


@cache
def versions() -> Mapping[str, str]:
    """Versions of all that has a part in a map; read once, for metadata files are slow to parse."""
    found = {"agcam": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return MappingProxyType(found)
