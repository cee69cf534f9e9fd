"""The maps that sanity checks compare: of another class, and of a randomized model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from ..tracing import evaluation_mode
from ..values import Classifier, Metric, OtherClassCase, RandomizedCase
from .rows import Rows
from .shard_maps import Grids, ShardMaps

SEED: Final = 0


def judge_other_class(maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
    """Compare the label's map with that of the least probable class."""
    least = maps.logits.argmin(-1)
    for method in maps.methods:
        others = maps.grids_of(method, least)
        for picture, item in enumerate(maps.items):
            case = OtherClassCase(maps.maps(method)[picture], others[picture])
            rows.score(item, method.name, metrics, case)


class Randomization:
    """Shuffles the weights of a copy of the model, from the classifier down to the first layers.

    Stage by stage, cumulatively: what follows the blocks, each block from the last to the first,
    what precedes them. Within each tensor the numbers change places (seeded), so that their
    distribution stays.
    """

    def __init__(self, copy: Classifier) -> None:
        self.copy = copy
        self._original = {name: value.clone() for name, value in copy.module.state_dict().items()}

    def judge(self, maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
        """Compare each map with those of the model after each stage."""
        stages: dict[str, list[Grids]] = {method.name: [] for method in maps.methods}
        for stage in self.stages(maps.layout.blocks):
            _shuffle(stage)
            with evaluation_mode(self.copy.module):
                randomized = ShardMaps(self.copy, maps.items, maps.methods, maps.views)
                rows.forwards += len(maps.items) * len(maps.views)
                for method in maps.methods:
                    stages[method.name].append(randomized.grids_of(method, maps.labels))
        self.copy.module.load_state_dict(self._original)
        for method in maps.methods:
            after = np.stack(stages[method.name], axis=1)
            for picture, item in enumerate(maps.items):
                case = RandomizedCase(maps.maps(method)[picture], after[picture])
                rows.score(item, method.name, metrics, case)

    def stages(self, blocks: Sequence[str]) -> Iterator[Sequence[Tensor]]:
        """The tensors that each stage shuffles."""
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


def stage_count(blocks: int) -> int:
    """How many stages `Randomization` has: each takes a pass of a picture."""
    return blocks + 2


def _shuffle(stage: Sequence[Tensor]) -> None:
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for tensor in stage:
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))


def _owned(parameters: dict[str, nn.Parameter], block: str) -> list[str]:
    return [name for name in parameters if name.startswith(f"{block}.")]
