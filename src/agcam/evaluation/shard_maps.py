"""The maps of one shard's pictures, all from one recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..binding import to_model
from ..tracing import trace
from ..values import Classifier, Method, Recording, precise, predicted, probabilities_of
from .items import Item

Grids = NDArray[np.floating[Any]]


class ShardMaps:
    """One recording of a shard's pictures; each map is made once. Use inside `evaluation_mode`."""

    def __init__(
        self, classifier: Classifier, items: Sequence[Item], methods: tuple[Method, ...]
    ) -> None:
        self.classifier, self.items, self.methods = classifier, items, methods
        self.pixels = to_model(classifier, torch.stack([item.pixels for item in items]))
        self._session = trace(classifier, self.pixels, methods, lazy=True)
        self._held = ""  # the source whose graph is in memory, beside the replay
        self.layout = self._session.recording.layout
        self.logits = self._session.recording.logits
        self.probabilities = probabilities_of(classifier, self.logits)
        self.prediction = predicted(classifier, self.logits).tolist()
        self.labels = torch.tensor([item.label for item in items], device=self.logits.device)
        self.broken: set[tuple[int, str]] = set()  # pictures and methods without finite maps
        self._maps: dict[str, Grids] = {}
        self._predicted: dict[str, Grids] = {}

    @property
    def recording(self) -> Recording:
        """The one pass behind all maps."""
        return self._session.recording

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
                self._hold("")
        return self._maps[method.name]

    def predicted_class_maps(self, method: Method) -> Grids:
        """The predicted classes' maps, (picture, row, column), raw."""
        if all(self.is_right(picture) for picture in range(len(self.items))):
            return self.maps(method)
        if method.name not in self._predicted:
            self._predicted[method.name] = self.maps_of(method, self.logits.argmax(-1))
        return self._predicted[method.name]

    def maps_of(self, method: Method, target: Tensor) -> Grids:
        """Maps (picture, row, column), raw, of one class for each picture."""
        return np.asarray(self.maps_of_several(method, target[:, None])[:, 0])

    def maps_of_several(self, method: Method, targets: Tensor) -> Grids:
        """Maps (picture, target, row, column), raw, of several classes for each picture."""
        grid = self.layout.grid
        if not method.needs.light:
            self._hold(method.needs.source)
        relevance = precise(self._session.relevance(method, targets))
        maps = np.asarray(relevance.reshape(*targets.shape, grid.rows, grid.columns).cpu().numpy())
        finite = np.isfinite(maps).all(axis=(1, 2, 3))
        self.broken |= {(int(picture), method.name) for picture in np.flatnonzero(~finite)}
        return np.where(finite[:, None, None, None], maps, 0)

    def _hold(self, source: str) -> None:
        """One kind of graph at a time: those of a batch together do not fit into memory."""
        if source != self._held:
            self._session, self._held = self._session.renewed(), source

    def is_right(self, picture: int) -> bool:
        """Whether the model predicts the label."""
        return bool(self.prediction[picture] == self.items[picture].label)
