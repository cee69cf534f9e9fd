"""The maps of one shard's pictures, all from one recording."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..binding import to_model
from ..explainer import ONE, Views
from ..maps import PatchMaps
from ..tracing import trace
from ..values import (
    UNLABELLED,
    Classifier,
    Frame,
    Method,
    Recording,
    precise,
    predicted,
    probabilities_of,
)
from .items import Item

Grids = NDArray[np.floating[Any]]


class ShardMaps:
    """One recording of a shard's pictures; each map is made once. Use inside `evaluation_mode`.

    The recording is of all `views` of the pictures; items that hold a picture to refine by have
    their maps on pixels refined.
    """

    def __init__(
        self,
        classifier: Classifier,
        items: Sequence[Item],
        methods: tuple[Method, ...],
        views: Views = ONE,
    ) -> None:
        self.classifier, self.items, self.methods, self.views = classifier, items, methods, views
        self.pixels = to_model(classifier, torch.stack([item.pixels for item in items]))
        self._session = trace(classifier, views.of_pictures(self.pixels), methods, lazy=True)
        self._held = ""  # the source whose graph is in memory, beside the replay
        self.layout = self._session.recording.layout
        self.logits = self._session.recording.logits[: len(items)]
        self.probabilities = probabilities_of(classifier, self.logits)
        self.prediction = predicted(classifier, self.logits).tolist()
        labels = torch.tensor([item.label for item in items], device=self.logits.device)
        # a picture without a label has its predicted class's in its place
        self.labels = torch.where(labels == UNLABELLED, self.logits.argmax(-1), labels)
        self.broken: set[tuple[int, str]] = set()  # pictures and methods without finite maps
        self._maps: dict[str, tuple[PatchMaps, ...]] = {}
        self._predicted: dict[str, tuple[PatchMaps, ...]] = {}

    @property
    def recording(self) -> Recording:
        """The one pass behind all maps."""
        return self._session.recording

    @cached_property
    def drawn(self) -> Tensor:
        """The pixels (picture, channel, *sides) as they are drawn: of a clip frames come first."""
        return self.classifier.medium.as_drawn(self.pixels)

    @property
    def sides(self) -> tuple[int, ...]:
        """The input's sides in pixels: of a clip frames before height and width."""
        return tuple(self.drawn.shape[2:])

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the input."""
        return self.sides[-2], self.sides[-1]

    def maps(self, method: Method) -> Grids:
        """The labels' maps at the patches, (picture, *time, row, column), raw."""
        return np.stack([one.grid[0] for one in self.label_maps(method)])

    def on_input(self, method: Method) -> Grids:
        """The labels' maps on the pixels of the input, (picture, *sides), raw."""
        height, width = self.size
        whole = Frame.whole(width, height)
        pairs = zip(self.label_maps(method), self.items, strict=True)
        if self.layout.grid.frames:
            return np.stack([self._on_frames(one, whole) for one, _ in pairs])
        return np.stack([np.asarray(one.on_pixels(whole, item.seen)[0]) for one, item in pairs])

    def _on_frames(self, maps: PatchMaps, whole: Frame) -> Grids:
        frames = map(maps.of_frame, range(self.sides[0]))
        return np.stack([np.asarray(one.on_pixels(whole, None)[0]) for one in frames])

    def label_maps(self, method: Method) -> tuple[PatchMaps, ...]:
        """The labels' maps, one for each picture."""
        if method.name not in self._maps:
            self._maps[method.name] = self.maps_of(method, self.labels)
            if len(self._maps) == len(self.methods):
                self._hold("")
        return self._maps[method.name]

    def predicted_class_maps(self, method: Method) -> tuple[PatchMaps, ...]:
        """The predicted classes' maps, one for each picture."""
        if all(self.is_right(picture) for picture in range(len(self.items))):
            return self.label_maps(method)
        if method.name not in self._predicted:
            self._predicted[method.name] = self.maps_of(method, self.logits.argmax(-1))
        return self._predicted[method.name]

    def grids_of(self, method: Method, target: Tensor) -> Grids:
        """Maps at the patches (picture, *grid), raw, of one class for each picture."""
        return np.asarray(self.maps_of_several(method, target[:, None])[:, 0])

    def maps_of_several(self, method: Method, targets: Tensor) -> Grids:
        """Maps at the patches (picture, target, *grid), raw, of several classes for each."""
        return np.stack([one.grid for one in self._made(method, targets)])

    def maps_of(self, method: Method, target: Tensor) -> tuple[PatchMaps, ...]:
        """The maps of one class for each picture."""
        return self._made(method, target[:, None])

    def _made(self, method: Method, targets: Tensor) -> tuple[PatchMaps, ...]:
        """The maps of targets (picture, target), one value for each picture."""
        grid, views = self.layout.grid, self.views
        if not method.needs.light:
            self._hold(method.needs.source)
        relevance = precise(self._session.relevance(method, targets.repeat(len(views), 1)))
        maps = relevance.reshape(len(views), *targets.shape, *grid.shape)
        values = np.asarray(maps.movedim(0, 2).cpu().numpy())  # picture, target, view, *grid
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        self.broken |= {(int(picture), method.name) for picture in np.flatnonzero(~finite)}
        values[~finite] = 0
        frames = self.sides[0] if grid.frames else 0
        return tuple(
            PatchMaps(one, views.windows, item.picture is not None, grid.extent, frames)
            for one, item in zip(values, self.items, strict=True)
        )

    def _hold(self, source: str) -> None:
        """One kind of graph at a time: those of a batch together do not fit into memory."""
        if source != self._held:
            self._session, self._held = self._session.renewed(), source

    def is_right(self, picture: int) -> bool:
        """Whether the model predicts the label."""
        return bool(self.prediction[picture] == self.items[picture].label)
