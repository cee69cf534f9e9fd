"""What an explanation costs beside a plain forward pass of the same pictures: time and memory.

One measurement a shard and method, recording included and shared with no other method; noted at the
shard's first picture. These numbers differ from run to run, as clocks do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import nn

from ..values import Method
from .batch import Asked, Book
from .measures import Measure

PAIRS: Final = 2  # each of the two is run this often in turn; the faster run counts


def cost(asked: Asked, measures: Sequence[Measure], book: Book) -> None:
    """Note `time_ratio` and `memory_ratio`: (weights + peak of the pass) / the same of a plain one."""
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


def _plain(asked: Asked) -> Callable[[], object]:
    def run() -> object:
        with torch.inference_mode():
            return asked.classifier.predict(asked.pixels)

    return run


def _explained(asked: Asked, method: Method) -> Callable[[], object]:
    def run() -> object:
        alone = Asked(asked.classifier, asked.items, (method,))
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
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as seen:
        run()
    held = peak = 0
    for event in _in_order(seen):
        held += event.nbytes()
        peak = max(peak, held)
    return peak


def _in_order(seen: Any) -> list[Any]:
    """Allocations and releases, as torch's profiler names them, as they happened."""
    events = seen.profiler.kineto_results.events()
    return sorted((e for e in events if e.name() == "[memory]"), key=lambda e: e.start_ns())
