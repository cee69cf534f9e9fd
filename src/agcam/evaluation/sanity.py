"""Sanity checks (Adebayo et al., NeurIPS 2018): a map must follow the weights and the class.

Maps are compared by Spearman's rank correlation of their patches. Lower is better: a map that stays
the same (1) does not show what this model knows of this class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn

from ..tracing import evaluation_mode
from ..values import Classifier
from .batch import Rows, ShardMaps
from .measures import Measure

SEED: Final = 0


def rank_correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Spearman's, of two maps; 1 for two constant maps, 0 where only one is constant."""
    ranks = [rankdata(values.reshape(-1)) for values in (first, second)]
    a, b = (rank - rank.mean() for rank in ranks)
    lengths = float(np.sqrt((a @ a) * (b @ b)))
    if lengths > 0:
        return float(a @ b) / lengths
    return float(not a.any() and not b.any())


def class_sensitivity(asked: ShardMaps, measures: Sequence[Measure], book: Rows) -> None:
    """How alike the label's map and that of the least probable class are; 1 without a class."""
    least = asked.logits.argmin(-1)
    for method in asked.methods:
        others = asked.maps_of(method, least)
        for picture, item in enumerate(asked.items):
            alike = rank_correlation(asked.maps(method)[picture], others[picture])
            book.note(item, method.name, measures[0].name, alike)


class Randomization:
    """Shuffles the weights of a copy of the model, from the classifier down to the first layers.

    Stage by stage, cumulatively: what follows the blocks, each block from the last to the first,
    what precedes them. Within each tensor the numbers change places (seeded), so that their
    distribution stays.
    """

    def __init__(self, copy: Classifier) -> None:
        self.copy = copy
        self._kept = {name: tensor.clone() for name, tensor in copy.module.state_dict().items()}

    def __call__(self, asked: ShardMaps, measures: Sequence[Measure], book: Rows) -> None:
        """The correlation of each map with that of the wholly randomized model; curve: stages."""
        alike: dict[tuple[str, int], list[float]] = {}
        for stage in self._stages(asked.layout.blocks):
            self._shuffle(stage)
            with evaluation_mode(self.copy.module):
                again = ShardMaps(self.copy, asked.items, asked.methods)
                book.forwards += len(asked.items)
                for method in asked.methods:
                    new, old = again.maps_of(method, asked.labels), asked.maps(method)
                    for picture in range(len(asked.items)):
                        value = rank_correlation(old[picture], new[picture])
                        alike.setdefault((method.name, picture), [1.0]).append(value)
        self.copy.module.load_state_dict(self._kept)
        for (name, picture), curve in alike.items():
            item = asked.items[picture]
            book.note(item, name, measures[0].name, curve[-1], np.array(curve))

    def stages(self, blocks: Sequence[str]) -> int:
        """How many there are: passes a picture takes."""
        return len(list(self._stages(blocks)))

    def _stages(self, blocks: Sequence[str]) -> Iterator[Sequence[Tensor]]:
        vision = self.copy.vision
        parameters = dict(vision.named_parameters())
        owned = [_owned(parameters, block) for block in dict.fromkeys(blocks)]
        inside = {name for names in owned for name in names}
        order = list(parameters)
        first = min((order.index(name) for name in inside), default=len(order))
        outside = [name for name in order if name not in inside]
        before = [name for name in outside if order.index(name) < first]
        after = [name for name in outside if name not in before]
        known = {id(parameter) for parameter in vision.parameters()}
        above = [p for p in self.copy.module.parameters() if id(p) not in known]
        yield [parameters[name] for name in after] + above
        for names in reversed(owned):
            yield [parameters[name] for name in names]
        yield [parameters[name] for name in before]

    @staticmethod
    def _shuffle(stage: Sequence[Tensor]) -> None:
        generator = torch.Generator().manual_seed(SEED)
        with torch.no_grad():
            for tensor in stage:
                order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
                tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))


def _owned(parameters: dict[str, nn.Parameter], block: str) -> list[str]:
    return [name for name in parameters if name.startswith(f"{block}.")]
