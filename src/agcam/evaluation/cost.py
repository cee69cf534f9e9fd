"""What an explanation takes beside a plain forward pass of the same pictures: time and memory.

One measurement a shard and method, recording included and shared with no other method, stored for
the shard's first picture. These numbers differ from run to run, as clocks do.
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

from ..values import CostCase, Method, Metric
from .rows import Rows
from .shard_maps import ShardMaps

PAIRS: Final = 2  # the two are run this often, alternately; the faster run of each counts

Pass = Callable[[], object]


def passes_of_cost(views: int) -> int:
    """Forward passes per picture and method: a plain one and all views, one pair for memory."""
    return (1 + views) * (PAIRS + 1)


def judge_cost(maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
    """Measure time and memory (weights, and peak of a pass) beside a plain pass."""
    device = maps.pixels.device.type
    weights = _bytes_of_weights(maps.classifier.module)
    for method in maps.methods:
        plain, explained = _plain(maps), _explained(maps, method)
        plain_seconds, seconds = _fastest(plain, explained, device)
        case = CostCase(
            seconds=seconds,
            plain_seconds=plain_seconds,
            plain_memory=weights + _peak(plain, device),
            memory=weights + _peak(explained, device),
        )
        rows.forwards += passes_of_cost(len(maps.views)) * len(maps.items)
        rows.score(maps.items[0], method.name, metrics, case)


def _plain(maps: ShardMaps) -> Pass:
    def run() -> object:
        with torch.inference_mode():
            return maps.classifier.predict(maps.pixels)

    return run


def _explained(maps: ShardMaps, method: Method) -> Pass:
    def run() -> object:
        made = ShardMaps(maps.classifier, maps.items, (method,), maps.views)
        return made.on_input(method)

    return run


def _fastest(plain: Pass, explained: Pass, device: str) -> tuple[float, float]:
    """Seconds of the fastest run of each."""
    times: dict[Pass, list[float]] = {plain: [], explained: []}
    for _ in range(PAIRS):
        for run, found in times.items():
            start = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            found.append(time.perf_counter() - start)
    return min(times[plain]), min(times[explained])


def _bytes_of_weights(module: nn.Module) -> int:
    state = (*module.parameters(), *module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in state)


def _peak(run: Pass, device: str) -> int:
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
