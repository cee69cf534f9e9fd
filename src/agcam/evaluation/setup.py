"""What a configuration stands for, loaded: model, data set, methods and metrics."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

import torch
from torch import Tensor

from ..binding import to_model
from ..datasets import DATASETS, by_picture
from ..errors import RunError
from ..explainer import Views, versions, views_of
from ..families import load, weights_hash
from ..images import refuse_moving
from ..maps import REFINEMENT
from ..methods import choose as choose_methods
from ..metrics import choose
from ..records import RANDOM_BASELINES
from ..tracing import evaluation_mode
from ..values import (
    UNLABELLED,
    BoxCase,
    Case,
    Classifier,
    DataSet,
    MaskCase,
    Method,
    Metric,
    PartCase,
    PictureMaskCase,
    Sample,
)
from .configuration import PRECISIONS, Configuration, is_plain, load_model
from .items import Open
from .match import match
from .opening import check_medium, input_shape, opening
from .sides import match_sides
from .truths import check_truths

ON_TRUTH: Final = (BoxCase, MaskCase, PictureMaskCase, PartCase)


@dataclass(frozen=True)
class Setup:
    """A configuration and everything that it stands for.

    Attributes:
        classes: For each label of the data set the model's class, None where it has none.
        open: Reads and prepares a sample's picture; the picture itself where maps are refined.
        copy: Makes the model once more, to be randomized.
        portable: Whether another process can make all of it from the configuration.
    """

    configuration: Configuration
    classifier: Classifier
    dataset: DataSet
    classes: tuple[int | None, ...]
    methods: tuple[Method, ...]
    metrics: tuple[Metric, ...]
    open: Open
    copy: Callable[[], Classifier]
    portable: bool = True

    @property
    def shards(self) -> int:
        """How many shards there are; each is one batch, so that any engine gives the same rows."""
        return -(-len(self.dataset.samples) // self.configuration.batch_size)

    @property
    def precision(self) -> torch.dtype | None:
        """That of the passes of perturbed pictures; None: the model's own."""
        return PRECISIONS[self.configuration.precision]

    @property
    def known(self) -> int:
        """How many samples have a class that the model knows."""
        samples = (sample for sample in self.dataset.samples if not sample.problem)
        return sum(self.class_of(sample) is not None for sample in samples)

    @property
    def reads_truth(self) -> bool:
        """Whether annotations are read: metrics need them, or this is an audit."""
        return not self.metrics or bool(self.metrics_on(*ON_TRUTH))

    def class_of(self, sample: Sample) -> int | None:
        """The model's class of a sample: None where it has none; UNLABELLED without a label."""
        return UNLABELLED if sample.label == UNLABELLED else self.classes[sample.label]

    @cached_property
    def views(self) -> Views:
        """The views of each picture."""
        with evaluation_mode(self.classifier.module):
            pixels = to_model(self.classifier, self.noise(1))
            return views_of(self.configuration.views, self.classifier, pixels)

    def sample_of(self, sample: Sample, target: int) -> Sample:
        """A picture's sample of a class of the model, else of its first class that is known."""
        others = (one for one in sample.each if one.label == sample.label)
        first = next(others, sample)
        return next((one for one in sample.each if self.class_of(one) == target), first)

    def noise(self, pictures: int) -> Tensor:
        """Pictures, clips or sounds of noise, at the model's input."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn((pictures, *input_shape(self.classifier)), generator=generator)

    def metrics_on(self, *kinds: type[Case]) -> tuple[Metric, ...]:
        """The metrics that read these kinds of cases."""
        return tuple(metric for metric in self.metrics if metric.needs in kinds)

    def description(self) -> dict[str, Any]:
        """All that the numbers depend on, ready for JSON; its hash is the run's key."""
        classifier, dataset = self.classifier, self.dataset
        preparation = classifier.sound or classifier.preparation
        options = {method.name: method.settings() for method in self.methods if method.chosen}
        views = self.configuration.views
        sharper: dict[str, Any] = {"refine": dict(REFINEMENT)} if self.configuration.refine else {}
        sharper |= {"views": views} if views > 1 else {}
        return {
            "dataset": {
                "name": dataset.name,
                "samples": len(dataset.samples),
                "sha256": self.dataset_hash(),
            },
            "model": {
                "name": classifier.name,
                "weights_sha256": weights_hash(classifier.module),
                "device": classifier.device,
                "preparation": None if preparation is None else preparation.numbers(),
                **({} if classifier.scores == "softmax" else {"scores": classifier.scores}),
            },
            "methods": [method.name for method in self.methods],
            **({"options": options} if options else {}),
            **sharper,
            "metrics": {metric.name: _described(metric) for metric in self.metrics},
            "batch_size": self.configuration.batch_size,
            "precision": self.configuration.precision,
            "versions": dict(versions()),
        }

    def dataset_hash(self) -> str:
        """Of the samples' names and labels in order and the classes' match; not of any path."""
        rows = [
            (sample.name, sample.label, *(one.label for one in sample.each))
            for sample in self.dataset.samples
        ]
        text = json.dumps([rows, self.dataset.classes, self.classes])
        return hashlib.sha256(text.encode()).hexdigest()


def _described(metric: Metric) -> dict[str, Any]:
    """What numbers of a metric depend on beside its name, and which way is better."""
    names = ("better", "map_of", "right_only", "fill")
    return {name: getattr(metric, name) for name in names}


def key_of(description: Mapping[str, Any]) -> str:
    """The name of a run: the hash of its description."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def load_setup(
    configuration: Configuration,
    classifier: Classifier | None = None,
    dataset: DataSet | None = None,
) -> Setup:
    """Load everything that the names stand for.

    Args:
        configuration: The names.
        classifier: A loaded model, in the place of the name; the run then stays in this process.
        dataset: A data set that was read, in the place of the name; likewise.

    Raises:
        AgcamError: One that names the fix.
    """
    metrics = choose(configuration.metrics) if configuration.metrics else ()
    named = [method.name for method in choose_methods(configuration.methods)]
    methods = choose_methods([*named, *RANDOM_BASELINES], configuration.options)
    samples = dataset or DATASETS[configuration.dataset].read(configuration.root)
    if metrics and not samples.classes:
        raise RunError(f"the data set {samples.name} has no classes, which metrics are of")
    # before the model, and its library, is loaded
    check_truths(metrics, _limited(samples, configuration.limit))
    found = classifier or load_model(configuration)
    if not metrics:
        refuse_moving(
            found,
            "an audit compares patches of still pictures",
            "agcam explain {file} --model ... explains one at a time",
        )
    check_medium(found, samples, configuration.refine)
    if metrics:
        known = match(samples.classes, found)
    else:  # an audit, of pictures
        found, known = match_sides(samples.classes, found)
        samples = by_picture(samples, known)
    samples = _limited(samples, configuration.limit)
    by_name = partial(load_model, configuration)
    return Setup(
        configuration=configuration,
        classifier=found,
        dataset=samples,
        classes=known,
        methods=methods,
        metrics=metrics,
        open=opening(found, configuration.refine),
        copy=by_name if classifier is None else partial(_copy_of, classifier),
        portable=classifier is None and dataset is None and is_plain(configuration.options),
    )


def _copy_of(classifier: Classifier) -> Classifier:
    """A model that was given loaded, once more; RunError where the copy is not the same model."""
    copied = replace(load(copy.deepcopy(classifier.module)), scores=classifier.scores)
    noise = torch.randn(1, *input_shape(classifier))
    both = []
    for one in (classifier, copied):
        with evaluation_mode(one.module), torch.no_grad():
            both.append(one.predict(to_model(classifier, noise)))
    if both[0].shape != both[1].shape or not torch.allclose(both[0], both[1]):
        raise RunError(
            f"{classifier.name} cannot be copied to be randomized: give the model by its name, or "
            "leave randomization out"
        )
    return copied


def _limited(dataset: DataSet, limit: int) -> DataSet:
    samples = dataset.samples
    if not samples:
        raise RunError(f"the data set {dataset.name} has no samples here")
    if not limit or limit >= len(samples):
        return dataset
    picked = [samples[number * len(samples) // limit] for number in range(limit)]
    return replace(dataset, samples=tuple(picked))
