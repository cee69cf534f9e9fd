"""What a run will be and what it takes, measured before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import torch

from ..errors import AgcamError, RunError
from ..records import ShardRows
from ..tracing import evaluation_mode
from ..values import Frame, Method, Sample, kind_of
from .batch import Item, ShardMaps
from .configuration import Configuration, description, key_of, load_setup, threads_of
from .evaluator import Setup, Worker
from .match import match_report
from .measures import Test

Tell = Callable[[ShardRows], None]
TRUTHS_TRIED: Final = 20


@dataclass(frozen=True)
class Plan:
    """What will be run, and what it takes; `refused` says why methods were left out.

    `method_seconds` is what each method's recording and map of one picture took; the metrics ask
    for `maps` of them.
    """

    subject: Setup
    described: dict[str, Any]
    refused: dict[str, str]
    forwards: int
    seconds_a_forward: float
    method_seconds: dict[str, float]
    maps: int
    configuration: Configuration | None = None

    @property
    def key(self) -> str:
        """The run's name: the hash of all that its numbers depend on."""
        return key_of(self.described)

    @property
    def seconds(self) -> float:
        """About how long one worker takes."""
        own = _known(self.subject) * self.own_seconds
        return self.forwards * self.seconds_a_forward + own

    @property
    def own_seconds(self) -> float:
        """What the methods take for one picture, beside the forward passes that are counted."""
        return self.maps * sum(self.method_seconds.values())

    @property
    def stored(self) -> dict[str, Any]:
        """The description, and the names that the run can be made again from."""
        source = None if self.configuration is None else asdict(self.configuration)
        return {**self.described, "source": source}

    @property
    def matched(self) -> str:
        """Which classes are known to the model, in words."""
        return match_report(self.subject.dataset, self.subject.classifier)


def plan(configuration: Configuration) -> Plan:
    """Load what the configuration names, try every method on it, count and time. Raises AgcamError.

    A method that the model refuses is left out if "all" were asked for, and an error if named.
    """
    with threads_of(configuration):  # as the run will have it: passes are timed
        made = plan_setup(load_setup(configuration))
    named = [name for name in made.refused if name in configuration.methods]
    if named:
        reasons = "; ".join(f"{name}: {made.refused[name]}" for name in named)
        raise RunError(f"{made.subject.classifier.name} refuses {reasons}")
    kept = tuple(method.name for method in made.subject.methods)
    return replace(made, configuration=replace(configuration, methods=kept))


def plan_setup(subject: Setup) -> Plan:
    """The same for a subject that was made by hand; it can be run in this process only."""
    seconds, refused = _try(subject)
    kept = tuple(method for method in subject.methods if method.name in seconds)
    subject = replace(subject, methods=kept)
    _check_truths(subject)
    each, blocks = _measure(subject)
    forwards, maps = _forwards(subject, blocks), _maps(subject, blocks)
    return Plan(subject, description(subject), refused, forwards, each, seconds, maps)


def _noise(subject: Setup, pictures: int) -> list[Item]:
    """Pictures of noise, to try methods on and to measure with."""
    preparation = subject.classifier.preparation
    if preparation is None:
        item = next(iter(_first(subject)))
        channels, size = item.shape[0], (item.shape[-2], item.shape[-1])
    else:
        channels, size = preparation.channels, preparation.size
    pixels = torch.randn(pictures, channels, *size, generator=torch.Generator().manual_seed(0))
    frame = Frame.whole(size[1], size[0])
    return [Item(0, Sample("noise", "", 0), 0, one, frame, "") for one in pixels]


def _first(subject: Setup) -> Iterator[torch.Tensor]:
    for sample in subject.dataset.samples:
        try:
            yield subject.open(sample)[0]
        except AgcamError:
            continue
    raise RunError(f"no picture of {subject.dataset.name} can be opened")


def _try(subject: Setup) -> tuple[dict[str, float], dict[str, str]]:
    """What each method takes for one picture, in seconds; and why the model refuses the others."""
    seconds, refused = {}, {}
    noise = _noise(subject, 1)
    for number, method in enumerate(subject.methods):
        if not number:
            _reason(subject, method, noise)  # the survey of the model is not the method's
        start = time.perf_counter()
        reason = _reason(subject, method, noise)
        if reason:
            refused[method.name] = reason
        else:
            seconds[method.name] = time.perf_counter() - start
    if not seconds:
        raise RunError(next(iter(refused.values())))
    return seconds, refused


def _reason(subject: Setup, method: Method, noise: list[Item]) -> str:
    try:
        with evaluation_mode(subject.classifier.module):
            ShardMaps(subject.classifier, noise, (method,)).maps(method)
    except AgcamError as error:
        return str(error)
    return ""


def _known(subject: Setup) -> int:
    """Samples whose class the model knows."""
    return sum(
        subject.classes[sample.label] is not None
        for sample in subject.dataset.samples
        if not sample.problem
    )


def _check_truths(subject: Setup) -> None:
    """Refuse metrics of what a data set has not, as far as its first samples show."""
    if not (subject.of_test("boxes") or subject.of_test("masks")):
        return
    boxes = masks = seen = False
    for sample in subject.dataset.samples[:TRUTHS_TRIED]:
        try:
            truth = subject.dataset.truth(sample)
        except AgcamError:
            continue  # a bad annotation is the failure of its sample
        seen = True
        boxes, masks = boxes or len(truth.boxes) > 0, masks or truth.mask is not None
    needs: tuple[tuple[Test, bool], ...] = (("boxes", boxes), ("masks", masks))
    for test, there in needs:
        names = ", ".join(measure.name for measure in subject.of_test(test))
        if names and seen and not there:
            raise RunError(
                f"the data set {subject.dataset.name} has no {test}, which {names} need; choose "
                "other metrics, such as perturbation"
            )


def _check_scores(subject: Setup, classes: int) -> None:
    """Refuse metrics of probabilities, or of two classes, where the model has none."""
    name = subject.classifier.name
    curves = (*subject.of_test("curves"), *subject.of_test("groups"))
    of_probability = [one.name for one in curves if "accuracy" not in one.name]
    if of_probability and kind_of(subject.classifier, classes) == "none":
        raise RunError(
            f"{name} gives no probabilities (scores: none), which {', '.join(of_probability)} "
            "read; choose other metrics, or say how its outputs are meant: --scores sigmoid"
        )
    if classes == 1 and subject.of_test("sensitivity"):
        raise RunError(f"{name} has one class alone; class_sensitivity compares the maps of two")


def _measure(subject: Setup) -> tuple[float, int]:
    """Seconds of a plain pass of one picture, measured on one batch; and the number of blocks."""
    noise = _noise(subject, min(subject.batch_size, max(1, len(subject.dataset.samples))))
    evaluator = Worker(replace(subject, measures=()))
    with evaluation_mode(subject.classifier.module):
        asked = ShardMaps(subject.classifier, noise, subject.methods[:1])
        _check_scores(subject, asked.logits.shape[-1])
        start = time.perf_counter()
        evaluator.perturbation.prober.forward(asked.pixels)
        if asked.pixels.is_cuda:
            torch.cuda.synchronize()
        seconds = (time.perf_counter() - start) / len(noise)
    return seconds, len(dict.fromkeys(asked.layout.blocks))


def _forwards(subject: Setup, blocks: int) -> int:
    """Forward passes of one picture that the run takes; methods' own passes come on top."""
    fills = tuple(dict.fromkeys(measure.fill for measure in subject.of_test("curves")))
    groups = bool(subject.of_test("groups"))
    perturbation = Worker(replace(subject, measures=())).perturbation
    each = 1 + perturbation.forwards(fills, groups, len(subject.methods))
    each += _stages(blocks) * bool(subject.of_test("randomization"))
    each += 2 * 3 * len(subject.methods) * bool(subject.of_test("cost"))
    return _known(subject) * each


def _maps(subject: Setup, blocks: int) -> int:
    """Maps of one picture that each method makes: its own, and those it is compared with."""
    others = _stages(blocks) * bool(subject.of_test("randomization"))
    return 1 + others + bool(subject.of_test("sensitivity"))


def _stages(blocks: int) -> int:
    """Of randomization: what follows the blocks, each block, what precedes them."""
    return blocks + 2
