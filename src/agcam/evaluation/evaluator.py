"""From a shard's number to its rows: pictures opened, recorded once, judged by every metric."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence

import torch

from ..errors import AgcamError, ModelError, RunError
from ..records import SampleRow, ShardRows
from ..tracing import evaluation_mode
from ..values import (
    AccuracyCase,
    BoxCase,
    Case,
    CostCase,
    CurveCase,
    GroupCase,
    LogitCase,
    MaskCase,
    Metric,
    OtherClassCase,
    PartCase,
    PictureMaskCase,
    RandomizedCase,
)
from .configuration import Configuration
from .cost import judge_cost
from .items import Item, read_truth
from .parts import Parts
from .perturbation import Perturbation
from .probing import Prober
from .rows import Rows
from .sanity import Randomization, judge_other_class
from .setup import Setup, key_of, load_setup
from .shard_maps import ShardMaps
from .stamps import stamp
from .truths import judge_boxes, judge_masks

Judge = Callable[[ShardMaps, Sequence[Metric], Rows], None]


def start_evaluator(configuration: Configuration, key: str) -> Evaluator:
    """An evaluator in another process, with everything made again from the names.

    Raises:
        RunError: If the names stand for something else here than where the run was planned.
    """
    if configuration.threads:
        torch.set_num_threads(configuration.threads)
    setup = load_setup(configuration)
    if key_of(setup.description()) != key:
        raise RunError(
            f"a worker on {platform.node()} found another model, data set or versions of libraries "
            "under the same names than the driver; make the machines alike"
        )
    return Evaluator(setup)


class Evaluator:
    """Turns shards into rows; holds the model, and what shards share."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.views = setup, setup.views
        prober = Prober(setup.classifier, setup.configuration.batch_size, setup.precision)
        perturbation = Perturbation(prober)
        judges: list[tuple[tuple[type[Case], ...], Judge]] = [
            ((BoxCase,), judge_boxes),
            ((MaskCase, PictureMaskCase), judge_masks),
            ((PartCase,), Parts(setup.open, prober).judge),
            ((CurveCase, AccuracyCase), perturbation.judge_curves),
            ((LogitCase,), perturbation.judge_patches),
            ((GroupCase,), perturbation.judge_groups),
            ((OtherClassCase,), judge_other_class),
            ((CostCase,), judge_cost),
        ]
        if setup.metrics_on(RandomizedCase):
            judges.append(((RandomizedCase,), Randomization(setup.copy()).judge))
        chosen = ((setup.metrics_on(*kinds), judge) for kinds, judge in judges)
        self.judges = [(metrics, judge) for metrics, judge in chosen if metrics]

    def __call__(self, shard: int) -> ShardRows:
        """All rows of a shard; what is bad in it becomes failures, the rest is judged."""
        start, before = time.perf_counter(), stamp(self.setup, shard)
        rows = Rows()
        size, samples = self.setup.configuration.batch_size, self.setup.dataset.samples
        numbers = range(shard * size, min((shard + 1) * size, len(samples)))
        items = [item for number in numbers if (item := self._item(number, rows)) is not None]
        if items:
            self._judge(items, rows)
        return ShardRows(
            tuple(sorted(rows.samples)),
            tuple(sorted(rows.records, key=lambda record: record[:3])),
            tuple(sorted(rows.failures)),
            rows.forwards,
            time.perf_counter() - start,
            before,
        )

    def _item(self, number: int, rows: Rows) -> Item | None:
        """The sample, ready; None and a failure where it cannot be judged."""
        dataset = self.setup.dataset
        sample = dataset.samples[number]
        if sample.problem:
            rows.fail(number, sample, "annotation", sample.problem)
            return None
        label = self.setup.class_of(sample)
        if label is None:
            names = ", ".join(dataset.classes[sample.label][:2])
            rows.fail(number, sample, "label", f"the model does not know {names}")
            return None
        try:
            pixels, frame, picture = self.setup.open(sample)
        except AgcamError as error:
            rows.fail(number, sample, "picture", error)
            return None
        read = self.setup.reads_truth
        truth = read_truth(dataset.truth, sample, frame) if read else "no metric needs it"
        return Item(number, sample, label, pixels, frame, truth, picture)

    def _judge(self, items: list[Item], rows: Rows) -> None:
        """All items at once; if the model refuses, one by one, to find the one it refuses."""
        attempt = Rows()
        try:
            with evaluation_mode(self.setup.classifier.module):
                self._judge_batch(items, attempt)
        except ModelError as error:
            rows.forwards += attempt.forwards
            if len(items) == 1:
                rows.fail(items[0].number, items[0].sample, "model", error)
                return
            for item in items:
                self._judge([item], rows)
            return
        rows.add(attempt)

    def _judge_batch(self, items: list[Item], rows: Rows) -> None:
        maps = ShardMaps(self.setup.classifier, items, self.setup.methods, self.views)
        rows.forwards += len(items) * len(self.views)
        probabilities: list[float | None] = [None] * len(items)
        if maps.probabilities is not None:
            probabilities = maps.probabilities.gather(1, maps.labels[:, None])[:, 0].tolist()
        rows.samples += [
            SampleRow(item.number, item.sample.name, item.label, prediction, probability)
            for item, prediction, probability in zip(
                items, maps.prediction, probabilities, strict=True
            )
        ]
        for metrics, judge in self.judges:
            judge(maps, metrics, rows)
        _drop_broken(maps, rows)


def _drop_broken(maps: ShardMaps, rows: Rows) -> None:
    """Turn the numbers of maps that are not finite into failures."""
    broken = {(maps.items[picture].number, method) for picture, method in maps.broken}
    rows.records = [row for row in rows.records if (row.sample, row.method) not in broken]
    for picture, method in sorted(maps.broken):
        item = maps.items[picture]
        rows.fail(item.number, item.sample, "map", "its map has NaN or infinite values", method)
