"""Time and peak memory of a piece of work, as far as the system measures them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import torch

Result = TypeVar("Result")
STATUS: Final = Path("/proc/self/status")
CLEAR_REFS: Final = Path("/proc/self/clear_refs")
RESET_PEAK: Final = "5"  # proc(5): sets the peak of resident memory to what is resident now


@dataclass(frozen=True)
class Cost:
    """Seconds of wall clock, and bytes at the peak above what was held at the start, or None."""

    seconds: float
    memory: int | None

    def __add__(self, other: Cost) -> Cost:
        """One after the other: seconds add up, of the peaks the higher one remains."""
        known = None not in (self.memory, other.memory)
        highest = max(self.memory or 0, other.memory or 0)
        return Cost(self.seconds + other.seconds, highest if known else None)


class Meter:
    """Measures pieces of work one after another, memory against one common start.

    On CUDA memory is the allocator's; elsewhere the resident memory of the process, whose peak
    Linux reports and resets. Where neither is available, memory is None.
    """

    def __init__(self, device: torch.device) -> None:
        self._cuda = device if device.type == "cuda" else None
        self._start = self._held()

    def run(self, work: Callable[[], Result]) -> tuple[Result, Cost]:
        """What `work` returns, and what it cost."""
        self._reset_peak()
        began = time.perf_counter()
        result = work()
        if self._cuda is not None:
            torch.cuda.synchronize(self._cuda)
        seconds = time.perf_counter() - began
        peak = self._peak()
        if peak is None or self._start is None:
            return result, Cost(seconds, None)
        return result, Cost(seconds, max(0, peak - self._start))

    def clear(self) -> None:
        """Release what reference cycles hold; slow if many libraries are loaded, so not always."""
        gc.collect()

    def _held(self) -> int | None:
        self.clear()
        if self._cuda is not None:
            return int(torch.cuda.memory_allocated(self._cuda))
        _return_freed()
        return _status("VmRSS")

    def _reset_peak(self) -> None:
        if self._cuda is not None:
            torch.cuda.synchronize(self._cuda)
            torch.cuda.reset_peak_memory_stats(self._cuda)
            return
        _return_freed()
        with suppress(OSError):
            CLEAR_REFS.write_text(RESET_PEAK)

    def _peak(self) -> int | None:
        if self._cuda is not None:
            return int(torch.cuda.max_memory_allocated(self._cuda))
        return _status("VmHWM") if CLEAR_REFS.exists() else None


def _status(key: str) -> int | None:
    with suppress(OSError, StopIteration, ValueError, IndexError):
        lines = STATUS.read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith(f"{key}:")).split()[1])
    return None


def _return_freed() -> None:
    """Make glibc return freed memory, so that the next peak is not hidden in it."""
    import ctypes

    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
