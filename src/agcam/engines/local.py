"""Processes on this machine: each with its own model and a fixed number of threads."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any

from ..errors import AgcamError, RunError
from .engine import RETRIES, Engine, Start, Work

_work: Work | None = None  # in a worker's process: what it was started with


class LocalEngine(Engine):
    """One worker works in this process; several are processes of their own."""

    @property
    def in_process(self) -> bool:
        """One worker needs no process of its own."""
        return self.limits.workers == 1

    def run(self, start: Start, shards: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """As `Engine.run`."""
        if self.in_process:
            work = start()
            yield from ((shard, work(shard)) for shard in shards)
            return
        left, losses = list(shards), 0
        while left:
            before = len(left)
            try:
                for shard, rows in self._pool(start, tuple(left)):
                    left.remove(shard)
                    yield shard, rows
            except BrokenProcessPool as error:
                losses = 0 if len(left) < before else losses + 1
                if losses >= RETRIES:
                    raise RunError(
                        f"workers were lost {RETRIES} times at the same shards ({left[:4]} ...), "
                        "perhaps for lack of memory: try fewer --workers or a smaller --batch-size"
                    ) from error

    def _pool(self, start: Start, shards: Sequence[int]) -> Iterator[tuple[int, Any]]:
        """One pool of processes; BrokenProcessPool when one of them dies."""
        workers = min(self.limits.workers, len(shards))
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(workers, context, _begin, (start,))
        try:
            queue = iter(shards)
            running: dict[Future[Any], int] = {}
            while True:
                while len(running) < 2 * workers and (shard := next(queue, None)) is not None:
                    running[pool.submit(_run, shard)] = shard
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(start: Start) -> None:
    """Make the worker's work; a refusal is told by its first shard, or the pool would hide it."""
    global _work  # noqa: PLW0603  a worker's process has one work, made once
    try:
        _work = start()
    except AgcamError as error:
        _work = partial(_refuse, error)


def _refuse(error: AgcamError, shard: int) -> Any:
    del shard
    raise error


def _run(shard: int) -> Any:
    if _work is None:
        raise RuntimeError("a worker was not started")
    return _work(shard)
