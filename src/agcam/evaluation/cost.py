"""What an explanation costs beside a plain forward pass of the same pictures: time and memory.

One measurement a shard and method, recording included and shared with no other method; noted at the
shard's first picture. These numbers differ from run to run, as clocks do.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..values import Method
from .batch import Rows, ShardMaps
from .measures import Measure

PAIRS: Final = 2  # each of the two is run this often in turn; the faster run counts


def cost(asked: ShardMaps, measures: Sequence[Measure], book: Rows) -> None:
    """Note time and memory (weights and peak of a pass) beside a plain pass."""
    item = asked.items[0]
    module, device = asked.classifier.module, asked.pixels.device.type
    for method in asked.methods:
        runs = _plain(asked), _explained(asked, method)
        found = {
            "time_ratio": _times(runs, device),
            "memory_ratio": _memories(runs, module, device),
        }
        book.forwards += 2 * (PAIRS + 1) * len(asked.items)
        for measure in measures:
            book.note(item, method.name, measure.name, found[measure.name])


def _plain(asked: ShardMaps) -> Callable[[], object]:
    def run() -> object:
        with torch.inference_mode():
            return asked.classifier.predict(asked.pixels)

    return run


def _explained(asked: ShardMaps, method: Method) -> Callable[[], object]:
    def run() -> object:
        alone = ShardMaps(asked.classifier, asked.items, (method,))
        return alone.maps_of(method, asked.labels)

    return run


def _times(runs: Sequence[Callable[[], object]], device: str) -> float:
    found: list[list[float]] = [[], []]
    for _ in range(PAIRS):
        for times, run in zip(found, runs, strict=True):
            start = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    return min(found[1]) / min(found[0])


def _memories(runs: Sequence[Callable[[], object]], module: nn.Module, device: str) -> float:
    state = (*module.parameters(), *module.buffers())
    weights = sum(tensor.numel() * tensor.element_size() for tensor in state)
    plain, explained = (_peak(run, device) for run in runs)
    return (weights + explained) / (weights + plain)


def _peak(run: Callable[[], object], device: str) -> int:
    """Most bytes of tensors held at once during a run, beyond those held before."""
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return int(torch.cuda.max_memory_allocated() - before)
    with _Held() as held:
        run()
    return int(held.peak)


class _Held(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of tensors that operations make, until they are released."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._known: weakref.WeakSet[Any] = weakref.WeakSet()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        old = {t.untyped_storage().data_ptr() for t in tree_leaves((args, kwargs)) if _holds(t)}
        for tensor in tree_leaves(made):
            if _holds(tensor) and tensor.untyped_storage().data_ptr() not in old:
                self._take(tensor.untyped_storage())
        return made

    def _take(self, storage: Any) -> None:
        if storage in self._known:
            return
        self._known.add(storage)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._release, storage.nbytes())

    def _release(self, size: int) -> None:
        self.now -= size


def _holds(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided
