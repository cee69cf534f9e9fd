"""From a shard's number to its rows: pictures opened, recorded once, judged by every test."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..errors import AgcamError, ModelError
from ..records import SampleRow, ShardRows
from ..tracing import evaluation_mode
from ..values import Classifier, DataSet, Method
from .batch import Item, Open, Rows, ShardMaps, read_truth
from .boxes import boxes
from .cost import cost
from .masks import masks
from .measures import Measure, Test
from .perturbation import Perturbation
from .probing import Prober
from .sanity import Randomization, class_sensitivity

Judge = Callable[[ShardMaps, Sequence[Measure], Rows], None]
NEED_TRUTH: frozenset[Test] = frozenset({"boxes", "masks"})


@dataclass(frozen=True)
class Setup:
    """What is judged: a model's maps of some methods, on a data set, by some measures.

    `classes` gives for each label of the data set the model's class, or None where it has none;
    `open` reads and prepares a sample; `copy` makes the model once more, to be randomized.
    """

    classifier: Classifier
    dataset: DataSet
    classes: tuple[int | None, ...]
    methods: tuple[Method, ...]
    measures: tuple[Measure, ...]
    open: Open
    copy: Callable[[], Classifier]
    batch_size: int = 8
    precision: torch.dtype | None = None

    @property
    def shards(self) -> int:
        """How many shards there are; each is one batch, so that any engine gives the same rows."""
        return -(-len(self.dataset.samples) // self.batch_size)

    def of_test(self, test: Test) -> tuple[Measure, ...]:
        """The measures that one test makes."""
        return tuple(measure for measure in self.measures if measure.test == test)


class Worker:
    """One worker: holds the model, and what shards share."""

    def __init__(self, subject: Setup) -> None:
        self.subject = subject
        prober = Prober(subject.classifier, subject.batch_size, subject.precision)
        self.perturbation = Perturbation(prober)
        randomizes = bool(subject.of_test("randomization"))
        self.randomization = Randomization(subject.copy()) if randomizes else None
        judges: dict[Test, Judge] = {
            "boxes": boxes,
            "masks": masks,
            "curves": self.perturbation.curves,
            "groups": self.perturbation.groups,
            "sensitivity": class_sensitivity,
            "cost": cost,
        }
        if self.randomization is not None:
            judges["randomization"] = self.randomization
        self.judges = {test: judge for test, judge in judges.items() if subject.of_test(test)}

    def __call__(self, shard: int) -> ShardRows:
        """All rows of a shard; what is bad in it becomes failures, the rest is judged."""
        start = time.perf_counter()
        book = Rows()
        size = self.subject.batch_size
        numbers = range(shard * size, min((shard + 1) * size, len(self.subject.dataset.samples)))
        items = [item for number in numbers if (item := self._item(number, book)) is not None]
        if items:
            self._judge(items, book)
        seconds = time.perf_counter() - start
        return ShardRows(
            tuple(sorted(book.samples)),
            tuple(sorted(book.records, key=lambda record: record[:3])),
            tuple(sorted(book.failures)),
            book.forwards,
            seconds,
        )

    def _item(self, number: int, book: Rows) -> Item | None:
        sample = self.subject.dataset.samples[number]
        if sample.problem:
            book.fail(number, sample, "annotation", sample.problem)
            return None
        label = self.subject.classes[sample.label]
        if label is None:
            names = ", ".join(self.subject.dataset.classes[sample.label][:2])
            book.fail(number, sample, "label", f"the model does not know {names}")
            return None
        try:
            pixels, frame = self.subject.open(sample)
        except AgcamError as error:
            book.fail(number, sample, "picture", error)
            return None
        truth = "not asked for" if not self._needs_truth else ""
        found = truth or read_truth(self.subject.dataset.truth, sample, frame)
        return Item(number, sample, label, pixels, frame, found)

    @property
    def _needs_truth(self) -> bool:
        return any(test in NEED_TRUTH for test in self.judges)

    def _judge(self, items: list[Item], book: Rows) -> None:
        """All items at once; if the model refuses, one by one, to find the one it refuses."""
        attempt = Rows()
        try:
            with evaluation_mode(self.subject.classifier.module):
                self._tests(items, attempt)
        except ModelError as error:
            book.forwards += attempt.forwards
            if len(items) == 1:
                book.fail(items[0].number, items[0].sample, "model", error)
                return
            for item in items:
                self._judge([item], book)
            return
        book.take(attempt)

    def _tests(self, items: list[Item], book: Rows) -> None:
        asked = ShardMaps(self.subject.classifier, items, self.subject.methods)
        book.forwards += len(items)
        held: list[float | None] = [None] * len(items)
        if asked.probabilities is not None:
            held = asked.probabilities.gather(1, asked.labels[:, None])[:, 0].tolist()
        book.samples += [
            SampleRow(item.number, item.sample.name, item.label, prediction, probability)
            for item, prediction, probability in zip(items, asked.prediction, held, strict=True)
        ]
        for test, judge in self.judges.items():
            judge(asked, self.subject.of_test(test), book)
        self._drop_broken(asked, book)

    def _drop_broken(self, asked: ShardMaps, book: Rows) -> None:
        """Numbers of maps that are not finite are no numbers, but failures."""
        broken = {(asked.items[picture].number, method) for picture, method in asked.broken}
        book.records = [row for row in book.records if (row.sample, row.method) not in broken]
        for picture, method in sorted(asked.broken):
            item = asked.items[picture]
            why = "its map has NaN or infinite values"
            book.fail(item.number, item.sample, "map", why, method)
