"""What a run is asked to do, as names and numbers only, so that any worker can rebuild it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from typing import Any, Final, Literal

import torch
from torch import Tensor

from ..datasets import DATASETS
from ..errors import LoadError, ModelError, RunError
from ..explainer import versions
from ..families import load, weights_hash
from ..images import prepare_picture
from ..methods import METHODS
from ..records import RANDOM_BASELINES
from ..values import Changes, Classifier, DataSet, Frame, Method, Preparation, Sample, Transform
from .evaluator import Setup, Worker
from .match import match
from .measures import chosen

PRECISIONS: Final[dict[str, torch.dtype | None]] = {
    "as-is": None,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


@dataclass(frozen=True)
class Configuration:
    """A data set, a model, methods and metrics, by name; and how the work is cut.

    `limit` takes that many samples, spread evenly over the data set's order (0: all).
    `precision` is that of perturbed pictures' passes; maps are made in the model's own.
    `size`, `mean`, `std`, `fit`, `resize`, `interpolation` and `value_range` are stated instead of
    the model's own preparation where they are not empty (`fit` "squash" resizes both sides, as the
    paper does).
    `scores` says how logits become probabilities; empty: as the model itself says.
    `threads` are those of torch in each process that works (0: as many as it takes by itself).
    """

    dataset: str
    root: str
    model: str
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    arch: str | None = None
    class_names: tuple[str, ...] = ()
    limit: int = 0
    batch_size: int = 8
    precision: str = "as-is"
    device: str = "cpu"
    fit: Literal["", "crop", "squash", "pad"] = ""
    threads: int = 0
    size: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    resize: tuple[int, ...] = ()
    interpolation: Literal["", "nearest", "bilinear", "bicubic", "lanczos"] = ""
    value_range: tuple[float, ...] = ()
    scores: str = ""

    @property
    def changes(self) -> Changes:
        """What is stated of the preparation."""
        return Changes(**{field.name: getattr(self, field.name) for field in fields(Changes)})


def load_setup(configuration: Configuration) -> Setup:
    """Rebuild everything that the names stand for. Raises an AgcamError that names the fix."""
    if configuration.batch_size < 1:
        raise RunError(f"a batch has at least one picture, not {configuration.batch_size}")
    if configuration.precision not in PRECISIONS:
        raise RunError(f"the precision is one of {', '.join(PRECISIONS)}")
    measures, methods = chosen(configuration.metrics), _methods(configuration.methods)
    dataset = _some(DATASETS[configuration.dataset].read(configuration.root), configuration.limit)
    classifier = load_model(configuration)
    if classifier.preparation is None:
        raise ModelError(f"{classifier.name}: how it wants its pictures is not known")
    return Setup(
        classifier=classifier,
        dataset=dataset,
        classes=match(dataset.classes, classifier),
        methods=methods,
        measures=measures,
        open=partial(opened, preparation=classifier.preparation),
        copy=partial(load_model, configuration),
        batch_size=configuration.batch_size,
        precision=PRECISIONS[configuration.precision],
    )


def start_worker(configuration: Configuration, key: str) -> Worker:
    """What a worker's process runs: threads pinned, model and data set rebuilt.

    Raises RunError if what the names stand for here is not what they stand for at the driver.
    """
    _set_threads(configuration.threads)
    subject = load_setup(configuration)
    if key_of(description(subject)) != key:
        raise RunError(
            f"a worker on {platform.node()} found another model, data set or versions of libraries "
            "under the same names than the driver; make the machines alike"
        )
    return Worker(subject)


@contextmanager
def threads_of(configuration: Configuration | None) -> Iterator[None]:
    """The threads that the configuration states, in this process, and as before afterwards."""
    before = torch.get_num_threads()
    _set_threads(configuration.threads if configuration is not None else 0)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _set_threads(threads: int) -> None:
    if threads:
        torch.set_num_threads(threads)


def load_model(configuration: Configuration) -> Classifier:
    """The model by its name, on its device, with its own preparation or what is stated of it."""
    changes = configuration.changes
    classifier = load(
        configuration.model,
        arch=configuration.arch,
        classes=list(configuration.class_names) or None,
        preparation=changes if changes.stated else None,
        scores=configuration.scores or None,
    )
    try:
        classifier.module.to(configuration.device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise LoadError(f"cannot use device {configuration.device!r}: {reason}") from error
    return classifier


def opened(sample: Sample, preparation: Preparation | Transform) -> tuple[Tensor, Frame]:
    """A sample's picture, as the model wants it."""
    prepared = prepare_picture(sample.address, preparation)
    return prepared.pixels[0], prepared.frames[0]


def description(subject: Setup) -> dict[str, Any]:
    """All that the numbers depend on, ready for JSON; its hash is the run's key."""
    classifier, dataset = subject.classifier, subject.dataset
    parameter = next(classifier.module.parameters(), None)
    return {
        "dataset": {
            "name": dataset.name,
            "samples": len(dataset.samples),
            "sha256": dataset_hash(subject),
        },
        "model": {
            "name": classifier.name,
            "weights_sha256": weights_hash(classifier.module),
            "device": "cpu" if parameter is None else parameter.device.type,
            "preparation": None
            if classifier.preparation is None
            else classifier.preparation.numbers(),
            **({} if classifier.scores == "softmax" else {"scores": classifier.scores}),
        },
        "methods": [method.name for method in subject.methods],
        "metrics": {measure.name: asdict(measure) for measure in subject.measures},
        "batch_size": subject.batch_size,
        "precision": "as-is" if subject.precision is None else str(subject.precision)[6:],
        "versions": dict(versions()),
    }


def key_of(described: Mapping[str, Any]) -> str:
    """The hash of a description."""
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def dataset_hash(subject: Setup) -> str:
    """Of the samples' names and labels, in order, and the classes' match; not of where they lie."""
    dataset = subject.dataset
    rows = [(sample.name, sample.label) for sample in dataset.samples]
    text = json.dumps([rows, dataset.classes, subject.classes])
    return hashlib.sha256(text.encode()).hexdigest()


def _methods(names: Sequence[str]) -> tuple[Method, ...]:
    wanted = list(METHODS) if "all" in names else list(names)
    return tuple(METHODS[name] for name in dict.fromkeys([*wanted, *RANDOM_BASELINES]))


def _some(dataset: DataSet, limit: int) -> DataSet:
    if limit < 0:
        raise RunError(f"a limit is a number of pictures, 0 for all, not {limit}")
    samples = dataset.samples
    if not samples:
        raise RunError(f"the data set {dataset.name} has no samples here")
    if not limit or limit >= len(samples):
        return dataset
    picked = [samples[number * len(samples) // limit] for number in range(limit)]
    return replace(dataset, samples=tuple(picked))
