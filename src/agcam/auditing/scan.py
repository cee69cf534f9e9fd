"""From a shard's number to its columns: one recording gives predictions, maps and patch tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..evaluation import Configuration, Evaluator, Setup
from ..evaluation.evaluator import start_evaluator
from ..evaluation.items import Item, read_truth
from ..evaluation.rows import Rows
from ..evaluation.shard_maps import ShardMaps
from ..records import Failure
from ..values import UNLABELLED, Frame, Grid, Metric, Sample, Truth
from .columns import (
    EACH,
    WHOLE,
    Columns,
    audited_grid,
    in_colour,
    joined,
    masses,
    pooled,
    strongest,
    tokens,
)
from .seen import evenly
from .truth import coverage

UNKNOWN = -2  # a class that the model does not know


@dataclass(frozen=True, eq=False)
class Scanned:
    """One shard.

    Attributes:
        columns: The fields of `Pictures` and of `Patches` by name; `picture` counts in the shard.
        failures: What could not be scanned, and why.
        forwards: Forward passes of one picture.
    """

    columns: Columns
    failures: tuple[Failure, ...]
    forwards: int


class Scanner:
    """Turns shards into columns; a picture that cannot be scanned becomes a failure."""

    def __init__(self, setup: Setup, evaluator: Evaluator | None = None) -> None:
        self.setup = setup
        self._evaluator = evaluator or Evaluator(setup)
        self._evaluator.judges = [((), self._keep)]
        self._kept: list[dict[str, NDArray[Any]]] = []
        self._chosen: frozenset[int] | None = None

    def __call__(self, shard: int) -> Scanned:
        """All columns of a shard."""
        self._kept = []
        rows = self._evaluator(shard)
        return Scanned(joined(self._kept), rows.failures, rows.forwards)

    def _keep(self, maps: ShardMaps, _: Sequence[Metric], rows: Rows) -> None:
        """Keep the columns of some pictures, all from their one recording."""
        grid, explained = audited_grid(maps.recording), maps.logits.argmax(-1)
        samples = [  # of several classes of a picture the predicted one counts
            self.setup.sample_of(item.sample, target)
            for item, target in zip(maps.items, explained.tolist(), strict=True)
        ]
        labels = self._labels(samples, explained)
        targets = torch.stack([explained, labels], 1)
        if torch.equal(explained, labels):
            targets = targets[:, :1]
        method = maps.methods[0]
        relevance = pooled(maps.maps_of_several(method, targets), grid)
        found = masses(relevance)
        good = [n for n in range(len(maps.items)) if (n, method.name) not in maps.broken]
        pairs = zip(maps.items, samples, strict=True)
        truths = np.stack([self._truth(item, sample, grid, rows) for item, sample in pairs])
        pixels = in_colour(maps.pixels, self.setup.classifier)
        made = {
            "number": np.array([item.number for item in maps.items], np.int32),
            "label": np.array([self.setup.class_of(one) for one in samples], np.int32),
            "predicted": np.array(maps.prediction, np.int32),
            "probability": _probabilities(maps, explained, labels),
            "predicted_map": found[:, 0],
            "label_map": found[:, -1],
            "truth": truths,
            "frame": np.array([_sides(item.frame) for item in maps.items], np.float32),
            "tone": np.concatenate([pixels.mean((2, 3)), pixels.std((2, 3))], 1),
        }
        pictures = {name: column[good] for name, column in made.items()}
        features = tokens(maps.recording, grid)
        chosen = self._whole(grid)
        whole = [item.number in chosen for item in maps.items]
        patches = strongest(found, targets.cpu().numpy(), features, pixels, good, whole)
        self._kept.append(pictures | patches)

    def _labels(self, samples: Sequence[Sample], explained: Tensor) -> Tensor:
        """The model's class of each picture's label; the predicted one where it has none."""
        known = torch.tensor([self.setup.class_of(one) for one in samples], device=explained.device)
        return torch.where(known == UNLABELLED, explained, known)

    def _whole(self, grid: Grid) -> frozenset[int]:
        """Numbers of the samples of which all patches are kept."""
        if self._chosen is None:
            self._chosen = whole_samples(self.setup, grid)
        return self._chosen

    def _truth(self, item: Item, sample: Sample, grid: Grid, rows: Rows) -> NDArray[np.float32]:
        """How much of each patch is on the object; what is wrong with an annotation is recorded."""
        truth = read_truth(self.setup.dataset.truth, sample, item.frame)
        if isinstance(truth, str):
            rows.fail(item.number, item.sample, "truth", truth)
            truth = Truth(np.zeros((0, 4)))
        return coverage(truth, item.frame, grid)


def whole_samples(setup: Setup, grid: Grid) -> frozenset[int]:
    """Some samples of each class, evenly spaced; of those without a label some for each class."""
    numbers = [setup.class_of(sample) for sample in setup.dataset.samples]
    labels = np.array([UNKNOWN if one is None else one for one in numbers])
    known = np.unique(labels[labels >= 0])
    model = len(setup.classifier.class_names)
    count = max(1, model if (labels == UNLABELLED).any() else len(known))
    each = int(np.clip(WHOLE // grid.patches // count, *EACH))
    chosen: set[int] = set()
    for label in (*known.tolist(), UNLABELLED):
        own = np.flatnonzero(labels == label)
        chosen.update(own[evenly(len(own), each if label >= 0 else each * model)].tolist())
    return frozenset(chosen)


def start_scanner(configuration: Configuration, key: str) -> Scanner:
    """A scanner in another process, as `start_evaluator` makes an evaluator there."""
    evaluator = start_evaluator(configuration, key)
    return Scanner(evaluator.setup, evaluator)


def _probabilities(maps: ShardMaps, explained: Tensor, labels: Tensor) -> NDArray[np.float32]:
    """(picture, 2): of the predicted class and of the label; NaN where there are none."""
    if maps.probabilities is None:
        return np.full((len(maps.items), 2), np.nan, np.float32)
    both = torch.stack([explained, labels], 1)
    return np.asarray(maps.probabilities.gather(1, both).cpu().numpy(), dtype=np.float32)


def _sides(frame: Frame) -> tuple[float, ...]:
    """A frame as `Pictures` has it."""
    return frame.width, frame.height, *frame.window
