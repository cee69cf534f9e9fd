"""Maps judged by pictures in which a part of what they show was removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from ..binding import to_model
from ..errors import AgcamError
from ..maps import PatchMaps
from ..values import DataSet, Metric, Part, PartCase, Sample, Truth
from .items import Item, Open
from .probing import Prober
from .rows import Rows
from .shard_maps import ShardMaps

AROUND: Final = 2  # pixels that a part is widened by, as in FunnyBirds
TRIED: Final = 5


@dataclass(frozen=True)
class Parts:
    """Runs the model on the pictures without a part; `open` prepares a sample's picture."""

    open: Open
    prober: Prober

    def judge(self, maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
        """Judge every map by parts; a sample without parts is a failure, not a zero."""
        for picture, item in enumerate(maps.items):
            truth = item.truth
            if not isinstance(truth, Truth) or not truth.parts:
                why = truth if isinstance(truth, str) else "no part was removed from it"
                rows.fail(item.number, item.sample, "parts", why)
                continue
            try:
                drops = self._drops(maps, picture, truth.parts, rows)
            except AgcamError as error:
                rows.fail(item.number, item.sample, "parts", error)
                continue
            for method in maps.methods:
                relevance = _on_parts(maps.label_maps(method)[picture], item, truth.parts)
                rows.score(item, method.name, metrics, PartCase(relevance, drops))

    def _drops(
        self, maps: ShardMaps, picture: int, parts: Sequence[Part], rows: Rows
    ) -> NDArray[Any]:
        """(part,): what the label's logit loses without each, all pictures in one precision."""
        item = maps.items[picture]
        without = [
            self.open(Sample(f"{item.sample.name} without {part.name}", part.without, 0))[0]
            for part in parts
        ]
        pixels = to_model(maps.classifier, torch.stack([item.pixels, *without]))
        rows.forwards += len(pixels)
        logits = self.prober.batched(pixels)[:, item.label].cpu().numpy()
        return np.asarray(logits[0] - logits[1:])


def part_passes(dataset: DataSet) -> int:
    """Forward passes of a picture that parts take, as far as the first samples show."""
    most = 0
    for sample in dataset.samples[:TRIED]:
        try:
            most = max(most, len(dataset.truth(sample).parts))
        except AgcamError:
            continue  # a bad annotation is the failure of its sample
    return 1 + most


def _on_parts(maps: PatchMaps, item: Item, parts: Sequence[Part]) -> NDArray[np.float64]:
    """The sum of a map in each part, at the picture's own size; nothing where it is not seen."""
    relevance = np.nan_to_num(maps.on_pixels(item.frame, item.picture)[0])
    window = np.ones((2 * AROUND + 1, 2 * AROUND + 1))
    masks = [ndimage.binary_dilation(part.mask, window) for part in parts]
    return np.array([relevance[mask].sum() for mask in masks], dtype=np.float64)
