"""One shard's pictures, opened; one recording of them, and the maps asked of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..binding import to_model
from ..errors import AgcamError, MetricError
from ..maps import to_pixels
from ..records import Failure, Record, SampleRow
from ..tracing import trace
from ..values import (
    AttentionTrace,
    Classifier,
    Frame,
    GridTrace,
    Method,
    ReadTrace,
    Sample,
    Trace,
    Truth,
    predicted,
    probabilities_of,
)

LIGHT: Final = (ReadTrace, AttentionTrace, GridTrace)  # what one recording keeps for all
Open = Callable[[Sample], tuple[Tensor, Frame]]
Grids = NDArray[np.floating]


@dataclass(frozen=True)
class Item:
    """One sample, ready: its number, prepared pixels, and its class in the model's counting.

    `truth` is what people drew, or the sentence that says why it cannot be had.
    """

    number: int
    sample: Sample
    label: int
    pixels: Tensor
    frame: Frame
    truth: Truth | str


@dataclass
class Rows:
    """Rows of a shard while they are made, and the forward passes they took."""

    samples: list[SampleRow] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    forwards: int = 0

    def fail(
        self, number: int, sample: Sample, what: str, message: object, method: str = ""
    ) -> None:
        """Note that something could not be judged, and why."""
        self.failures.append(Failure(number, sample.name, method, what, str(message)))

    def note(
        self, item: Item, method: str, metric: str, value: float, curve: NDArray[Any] | None = None
    ) -> None:
        """Note a number; one that is not finite is a failure, never a silent NaN."""
        if not np.isfinite(value):
            self.fail(item.number, item.sample, metric, "it gave no finite number", method)
            return
        points = None if curve is None else tuple(float(v) for v in curve)
        self.records.append(Record(item.number, method, metric, float(value), points))

    def keep(self, item: Item, method: str, metric: str, numbers: NDArray[Any]) -> None:
        """Keep what a number of the whole set is made of; the picture has no number of its own."""
        points = tuple(float(value) for value in numbers)
        self.records.append(Record(item.number, method, metric, None, points))

    def take(self, other: Rows) -> None:
        """Put another book's rows in."""
        self.samples += other.samples
        self.records += other.records
        self.failures += other.failures
        self.forwards += other.forwards


class ShardMaps:
    """One recording of a shard's pictures, and each map made once. Use inside `evaluation_mode`."""

    def __init__(
        self, classifier: Classifier, items: list[Item], methods: tuple[Method, ...]
    ) -> None:
        self.classifier, self.items, self.methods = classifier, items, methods
        self.pixels = to_model(classifier, torch.stack([item.pixels for item in items]))
        self._session = trace(classifier, self.pixels, methods, lazy=True)
        self._held: type[Trace] = GridTrace  # the kind of evidence whose graph is in memory
        self.layout = self._session.recording.layout
        self.logits = self._session.recording.logits
        self.probabilities = probabilities_of(classifier, self.logits)
        self.prediction = predicted(classifier, self.logits).tolist()
        self.labels = torch.tensor([item.label for item in items], device=self.logits.device)
        self.broken: set[tuple[int, str]] = set()  # pictures and methods without finite maps
        self._maps: dict[str, Grids] = {}
        self._said: dict[str, Grids] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        height, width = self.pixels.shape[-2:]
        return height, width

    def maps(self, method: Method) -> Grids:
        """The labels' maps, (picture, row, column), raw."""
        if method.name not in self._maps:
            self._maps[method.name] = self.maps_of(method, self.labels)
            if len(self._maps) == len(self.methods):
                self._hold(GridTrace)
        return self._maps[method.name]

    def predicted_class_maps(self, method: Method) -> Grids:
        """The predicted classes' maps, (picture, row, column), raw."""
        if all(self.right(picture) for picture in range(len(self.items))):
            return self.maps(method)
        if method.name not in self._said:
            self._said[method.name] = self.maps_of(method, self.logits.argmax(-1))
        return self._said[method.name]

    def maps_of(self, method: Method, target: Tensor) -> Grids:
        """Maps of one class a picture, (picture, row, column), raw."""
        grid = self.layout.grid
        if method.needs not in LIGHT:
            self._hold(method.needs)
        relevance = precise(self._session.relevance(method, target[:, None]))
        maps = np.asarray(relevance.reshape(-1, grid.rows, grid.columns).cpu().numpy())
        finite = np.isfinite(maps).all(axis=(1, 2))
        self.broken |= {(int(picture), method.name) for picture in np.flatnonzero(~finite)}
        return np.where(finite[:, None, None], maps, 0)

    def _hold(self, needs: type[Trace]) -> None:
        """One kind of graph at a time: those of a batch together do not fit into memory."""
        if needs is not self._held:
            self._session, self._held = self._session.renewed(), needs

    def right(self, picture: int) -> bool:
        """Whether the model's prediction is the label."""
        return bool(self.prediction[picture] == self.items[picture].label)


def precise(values: Tensor) -> Tensor:
    """At least float32."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def judged(grid: Grids, item: Item) -> tuple[Grids, NDArray[np.float64]]:
    """The map and the truth's boxes on the whole picture squashed to the input's size.

    With a preparation that squashes, as the paper's, that is the input itself; with one that crops,
    what the model never saw is NaN. Returns (row, column) and (box, 4).
    """
    height, width = item.pixels.shape[-2:]
    frame, truth = item.frame, item.truth
    left, top, right, bottom = frame.window
    window = (
        left * width / frame.width,
        top * height / frame.height,
        right * width / frame.width,
        bottom * height / frame.height,
    )
    relevance = np.asarray(to_pixels(grid[None], Frame(width, height, window))[0])
    if isinstance(truth, str):
        return relevance, np.zeros((0, 4))
    boxes = np.asarray(truth.boxes, dtype=np.float64).reshape(-1, 4)
    scale = np.array([width, height, width, height])
    size = np.array([frame.width, frame.height, frame.width, frame.height])
    return relevance, boxes * scale / size


def read_truth(read: Callable[[Sample], Truth], sample: Sample, frame: Frame) -> Truth | str:
    """What people drew of a sample, or why it cannot be had."""
    try:
        truth = read(sample)
        _check(np.asarray(truth.boxes, dtype=np.float64).reshape(-1, 4), frame)
    except AgcamError as error:
        return str(error)
    return truth


def _check(boxes: NDArray[np.float64], frame: Frame) -> None:
    left, top, right, bottom = boxes.T
    if not np.isfinite(boxes).all() or (left >= right).any() or (top >= bottom).any():
        raise MetricError("a truth box is inverted or empty")
    outside = (left >= frame.width) | (top >= frame.height) | (right <= 0) | (bottom <= 0)
    if outside.any():
        raise MetricError(
            f"a truth box lies outside the picture of {frame.width} x {frame.height} pixels"
        )
