"""What a run will be and what it takes, measured before it starts."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from PIL import Image

from ..errors import AgcamError, RunError
from ..tracing import evaluation_mode
from ..values import (
    Classifier,
    CostCase,
    CurveCase,
    DataSet,
    Frame,
    GroupCase,
    Layout,
    Method,
    OtherClassCase,
    PartCase,
    RandomizedCase,
    Sample,
    kind_of,
)
from .configuration import Configuration, torch_threads
from .cost import passes_of_cost
from .items import Item
from .match import match_report
from .parts import part_passes
from .perturbation import passes
from .probing import Prober
from .sanity import stage_count
from .setup import Setup, key_of, load_setup
from .shard_maps import ShardMaps


@dataclass(frozen=True)
class Plan:
    """A run that can start.

    Attributes:
        description: All that the run's numbers depend on.
        refused: Methods that the model refuses, which are skipped, and why.
        forwards: Forward passes of one picture, all of them, beside the methods' own.
        forward_seconds: What one takes.
        method_seconds: What recording and map of one picture take, for each method.
        maps: How many maps of a picture the metrics need of each method.
        changed: Stored shards that are judged again, as their pictures or annotations changed.
    """

    setup: Setup
    description: dict[str, Any]
    refused: dict[str, str]
    forwards: int
    forward_seconds: float
    method_seconds: dict[str, float]
    maps: int
    changed: int = 0

    @property
    def key(self) -> str:
        """The run's name: the hash of its description."""
        return key_of(self.description)

    @property
    def stored(self) -> dict[str, Any]:
        """The description, and the names that everything can be made from once more."""
        source = asdict(self.setup.configuration) if self.setup.portable else None
        return {**self.description, "source": source}

    @property
    def own_seconds(self) -> float:
        """What the methods take for one picture, beside the counted forward passes."""
        return self.maps * sum(self.method_seconds.values())

    @property
    def seconds(self) -> float:
        """About how long one worker takes."""
        return self.forwards * self.forward_seconds + self.setup.known * self.own_seconds

    @property
    def match_report(self) -> str:
        """Which classes the model knows, as text."""
        return match_report(self.setup.dataset, self.setup.classifier)


def plan(
    configuration: Configuration,
    classifier: Classifier | None = None,
    dataset: DataSet | None = None,
) -> Plan:
    """Load what the configuration names, try every method, count and time. Raises AgcamError.

    A method that the model refuses is skipped if "all" were chosen, and an error if it was named.
    """
    made = plan_setup(load_setup(configuration, classifier, dataset))
    named = [name for name in made.refused if name in configuration.methods]
    if named:
        reasons = "; ".join(f"{name}: {made.refused[name]}" for name in named)
        raise RunError(f"{made.setup.classifier.name} refuses {reasons}")
    return made


def plan_setup(setup: Setup) -> Plan:
    """The same for what is loaded; every method that the model refuses is skipped."""
    with torch_threads(setup.configuration.threads):  # as the run will have it: passes are timed
        seconds, refused = _try_methods(setup)
        kept = tuple(method for method in setup.methods if method.name in seconds)
        stated = setup.configuration
        names = tuple(method.name for method in kept)
        options = {name: some for name, some in stated.options.items() if name in names}
        named = replace(stated, methods=names, options=options)
        setup = replace(setup, methods=kept, configuration=named)
        forward_seconds, layout = _time_forward(setup)
    blocks = len(dict.fromkeys(layout.blocks))
    stages = stage_count(blocks) if setup.metrics_on(RandomizedCase) else 0
    views = len(setup.views)
    each = (1 + stages) * views
    if setup.metrics_on(CostCase):
        each += passes_of_cost(views) * len(kept)
    each += passes(setup.metrics, len(kept), layout.grid.patches, setup.precision is not None)
    if setup.metrics_on(PartCase):
        each += part_passes(setup.dataset)
    return Plan(
        setup=setup,
        description=setup.description(),
        refused=refused,
        forwards=setup.known * each,
        forward_seconds=forward_seconds,
        method_seconds=seconds,
        maps=1 + stages + bool(setup.metrics_on(OtherClassCase)),
    )


def noise_items(setup: Setup, pictures: int) -> list[Item]:
    """Pictures of noise, to try methods on and to measure with."""
    pixels = setup.noise(pictures)
    height, width = setup.classifier.medium.as_drawn(pixels).shape[-2:]
    frame, sample = Frame.whole(width, height), Sample("noise", "", 0)
    picture = Image.new("RGB", (width, height)) if setup.configuration.refine else None
    return [Item(0, sample, 0, one, frame, "", picture) for one in pixels]


def _try_methods(setup: Setup) -> tuple[dict[str, float], dict[str, str]]:
    """Seconds that each method takes for one picture; why the model refuses the others."""
    seconds: dict[str, float] = {}
    refused: dict[str, str] = {}
    noise = noise_items(setup, 1)
    _refusal(setup, setup.methods[0], noise)  # the survey is not part of any method's time
    for method in setup.methods:
        start = time.perf_counter()
        reason = _refusal(setup, method, noise)
        if reason:
            refused[method.name] = reason
        else:
            seconds[method.name] = time.perf_counter() - start
    if not seconds:
        raise RunError(next(iter(refused.values())))
    return seconds, refused


def _refusal(setup: Setup, method: Method, noise: list[Item]) -> str:
    try:
        with evaluation_mode(setup.classifier.module):
            ShardMaps(setup.classifier, noise, (method,), setup.views).on_input(method)
    except AgcamError as error:
        return str(error)
    return ""


def _check_scores(setup: Setup, classes: int) -> None:
    """Refuse metrics of probabilities, or of two classes, where the model has none."""
    name = setup.classifier.name
    of_probability = ", ".join(one.name for one in setup.metrics_on(CurveCase, GroupCase))
    if of_probability and kind_of(setup.classifier, classes) == "none":
        raise RunError(
            f"{name} gives no probabilities (scores: none), which {of_probability} read; choose "
            "other metrics, or state what its outputs are: --scores sigmoid"
        )
    of_two = ", ".join(metric.name for metric in setup.metrics_on(OtherClassCase))
    if classes == 1 and of_two:
        raise RunError(f"{name} has a single class; {of_two} compares the maps of two")


def _time_forward(setup: Setup) -> tuple[float, Layout]:
    """Seconds of a plain pass of one picture, measured on one batch; and the model's layout."""
    pictures = min(setup.configuration.batch_size, len(setup.dataset.samples))
    prober = Prober(setup.classifier, setup.configuration.batch_size, setup.precision)
    with evaluation_mode(setup.classifier.module):
        maps = ShardMaps(setup.classifier, noise_items(setup, pictures), setup.methods[:1])
        _check_scores(setup, maps.logits.shape[-1])
        start = time.perf_counter()
        prober.forward(maps.drawn)
        if maps.pixels.is_cuda:
            torch.cuda.synchronize()
        seconds = (time.perf_counter() - start) / pictures
    return seconds, maps.layout
