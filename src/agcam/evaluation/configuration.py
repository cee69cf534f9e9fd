"""A run as names and numbers only, from which any worker can load everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from ..errors import RunError
from ..explainer import checked_switches
from ..families import load, on_device
from ..values import Changes, Classifier, whole

PRECISIONS: Final[dict[str, torch.dtype | None]] = {
    "as-is": None,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
AS_THE_MODEL_HAS_IT: Final = Changes()
COUNTS: Final = {
    "batch_size": (1, "the number of pictures in one pass"),
    "limit": (0, "a number of pictures, 0 for all"),
    "threads": (0, "a number of threads, 0 for as many as torch takes"),
}
"""Fields that are whole numbers: the least, and what they are."""


@dataclass(frozen=True)
class Configuration:
    """Everything that a run is made of.

    Attributes:
        dataset: A name of `DATASETS`.
        root: Its folder, file or fsspec address.
        model: A name or a file of weights, as `agcam.load` takes it.
        methods: Names of `METHODS`, or "all"; the random baselines come by themselves.
        metrics: Names of `METRICS` and of bundles.
        options: For each method the options that differ from their defaults.
        arch: What a file of weights is for.
        class_names: The model's classes; empty: as the model has them.
        preparation: What is stated instead of the model's own preparation.
        scores: How logits become probabilities; empty: as the model has it.
        device: Where the model runs.
        limit: So many samples, spread evenly over the data set's order; 0: all.
        batch_size: Pictures in one pass, and in one shard.
        precision: Of the passes of perturbed pictures; maps are made in the model's own.
        refine: Whether maps on pixels are laid on the picture's edges.
        views: Views of each picture, whose maps are averaged.
        threads: Of torch in each worker; 0: as many as torch takes by itself.
    """

    dataset: str
    root: str
    model: str
    methods: tuple[str, ...]
    metrics: tuple[str, ...]
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    arch: str | None = None
    class_names: tuple[str, ...] = ()
    preparation: Changes = AS_THE_MODEL_HAS_IT
    scores: str = ""
    device: str = "cpu"
    limit: int = 0
    batch_size: int = 8
    precision: str = "as-is"
    refine: bool = False
    views: int = 1
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse what no run can have. Raises RunError."""
        refine, views = checked_switches(self.refine, self.views)
        taken = {"refine": refine, "views": views}
        for name, (least, means) in COUNTS.items():
            count = whole(getattr(self, name))
            if count is None or count < least:
                raise RunError(f"{name} is {means}, not {getattr(self, name)!r}")
            taken[name] = count
        for name, value in taken.items():  # numpy's numbers are no JSON
            object.__setattr__(self, name, value)
        if self.precision not in PRECISIONS:
            raise RunError(f"the precision is one of {', '.join(PRECISIONS)}")

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Configuration:
        """The configuration that a store has as JSON; RunError for what is none."""
        try:
            fields = {name: _tuples(value) for name, value in stored.items()}
            return cls(**{**fields, "preparation": Changes(**fields["preparation"])})
        except (TypeError, AttributeError, KeyError) as error:
            raise RunError(f"the run's configuration is damaged: {error}") from error


def _tuples(value: Any) -> Any:
    """JSON's lists as the tuples that they were."""
    if isinstance(value, Mapping):
        return {name: _tuples(one) for name, one in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def load_model(configuration: Configuration) -> Classifier:
    """The model by its name, on its device, with its own preparation or the stated one."""
    stated = configuration.preparation
    classifier = load(
        configuration.model,
        arch=configuration.arch,
        classes=list(configuration.class_names) or None,
        preparation=stated if stated.stated else None,
        scores=configuration.scores or None,
    )
    return on_device(classifier, configuration.device)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """So many threads of torch in this process (0: as it has), and as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_plain(options: Mapping[str, Mapping[str, object]]) -> bool:
    """Whether options are numbers only, which can be sent and stored; rules are functions."""
    return all(isinstance(one, int | float) for some in options.values() for one in some.values())
