"""Perturbed pictures: which pixels go when, and what the model gives for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import ModelError
from ..metrics.boxes import normalized
from ..values import Classifier, Grid, precise
from .fills import put

Replace = Callable[[Tensor, Tensor, Tensor], Tensor]


class Probe(NamedTuple):
    """One perturbed picture: the pixels whose rank is in [first, last) are replaced."""

    picture: int
    rank: int
    first: int
    last: int


@dataclass(frozen=True)
class Prober:
    """Runs the model on many perturbed pictures, some at a time.

    Pixels are (picture, channel, *sides) as they are drawn: of a clip frames, rows and columns.
    """

    classifier: Classifier
    batch_size: int
    precision: torch.dtype | None = None

    def logits(
        self,
        pixels: Tensor,
        filling: Tensor,
        ranks: Tensor,
        probes: Sequence[Probe],
        replace: Replace = put,
    ) -> Tensor:
        """Logits (probe, class) of each perturbed picture."""
        with self._cast(pixels.device.type):  # around all of them: weights are cast once
            return torch.cat(list(self._parts(pixels, filling, ranks, probes, replace)))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of pictures as they are, in the chosen precision."""
        with torch.inference_mode(), self._cast(pixels.device.type):
            given = self.classifier.medium.as_given(pixels)
            logits = precise(self.classifier.predict(given))
        if not bool(torch.isfinite(logits).all()):
            name = self.classifier.name
            raise ModelError(f"{name} gave NaN or infinite logits for changed pixels")
        return logits

    def batched(self, pixels: Tensor) -> Tensor:
        """The same for any number of pictures."""
        return torch.cat([self.forward(part) for part in torch.split(pixels, self.batch_size)])

    def _parts(
        self,
        pixels: Tensor,
        filling: Tensor,
        ranks: Tensor,
        probes: Sequence[Probe],
        replace: Replace,
    ) -> Iterator[Tensor]:
        table = torch.tensor(probes, device=pixels.device)
        for some in torch.split(table, self.batch_size):
            picture, rank, first, last = some.unbind(1)
            at = ranks[rank]
            first, last = (edge.reshape(-1, *[1] * (at.ndim - 1)) for edge in (first, last))
            gone = (at >= first) & (at < last)
            yield self.forward(replace(pixels[picture], filling[picture], gone))

    def _cast(self, device: str) -> AbstractContextManager[Any]:
        return nullcontext() if self.precision is None else torch.autocast(device, self.precision)


def relevance_on_input(maps: NDArray[Any]) -> NDArray[np.float32]:
    """Maps at the input's size as the paper's perturbation takes them: min-max, float32, plus 1.

    The addition makes some pixels equal, as in the authors' program, so that ties fall alike.
    """
    scaled = [normalized(one.reshape(-1, one.shape[-1])) for one in maps]  # frames of one scale
    return np.asarray(np.stack(scaled).reshape(maps.shape).astype(np.float32) + np.float32(1))


def rank_of(relevance: Tensor, order: str) -> Tensor:
    """(picture, *sides): the place of each pixel in the order of removal, 0 first.

    Of equal pixels the last goes first: nearest to what the authors' program does, where it depends
    on the sorting of a library. So a constant map has one order only, and an ABPC of 0.
    """
    flat = relevance.flatten(1)
    going = torch.argsort(flat if order == "morf" else -flat, dim=1, stable=True).flip(1)
    places = torch.arange(flat.shape[1], device=flat.device, dtype=torch.int32).expand_as(flat)
    rank = torch.empty_like(places.contiguous()).scatter_(1, going, places.contiguous())
    return rank.reshape(relevance.shape)


def patch_ranks(grids: NDArray[Any], order: str, grid: Grid, sides: Sequence[int]) -> Tensor:
    """(picture, *sides): the place of each pixel's patch in the order of removal, 0 first.

    Ties are broken at random, alike in both orders and for every picture; all else keeps its order.
    """
    flat = torch.from_numpy(grids).flatten(1)
    shuffle = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(0))
    shuffled = flat[:, shuffle]
    going = shuffle[shuffled.argsort(dim=1, descending=order == "morf", stable=True)]
    rank = going.argsort(dim=1).to(torch.int32).reshape(grids.shape)
    extents = grid.extent or [(0.0, 1.0)] * len(sides)
    for axis, (pixels, extent) in enumerate(zip(sides, extents, strict=True), 1):
        rank = rank.index_select(axis, _cells(pixels, rank.shape[axis], extent))
    return rank


def _cells(pixels: int, cells: int, extent: tuple[float, float]) -> Tensor:
    """The cell of each pixel of a side, of the nearest one beside the cells."""
    places = torch.arange(pixels)
    if extent == (0.0, 1.0):
        return places * cells // pixels
    start, stop = extent
    shares = ((places + 0.5) / pixels - start) / (stop - start)
    return (shares * cells).floor().long().clamp(0, cells - 1)
