"""Processes on this machine: each with its own model and a fixed number of threads."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from ..errors import RunError
from .engine import RETRIES, Engine, Rows, Start
from .worker import serve_shards


class LocalEngine(Engine):
    """One worker works in this process; several are processes of their own."""

    @property
    def in_process(self) -> bool:
        """One worker needs no process of its own."""
        return self.resources.workers == 1

    def run(self, start: Start, shards: Sequence[int]) -> Rows:
        """As `Engine.run`. Workers are killed, not waited for, when the caller stops."""
        if self.in_process:
            work = start()
            yield from ((shard, work(shard)) for shard in shards)
            return
        pool = _Pool(start)
        try:
            yield from pool.run(shards, min(self.resources.workers, len(shards)))
        finally:
            pool.kill()


@dataclass
class _Worker:
    """A process, our end of its pipe, and the shard that it is at."""

    process: SpawnProcess
    connection: Connection
    shard: int | None = None


class _Pool:
    """Gives each worker one shard at a time; replaces a worker that is lost."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.workers: list[_Worker] = []
        self.losses: dict[int, int] = {}

    def run(self, shards: Sequence[int], workers: int) -> Iterator[tuple[int, Any]]:
        left = list(reversed(shards))
        for _ in range(workers):
            self._hire(left)
        while self.workers:
            ready = wait([worker.connection for worker in self.workers])
            for worker in [one for one in self.workers if one.connection in ready]:
                try:
                    rows, error = pickle.loads(worker.connection.recv_bytes())
                except (EOFError, OSError, pickle.UnpicklingError):
                    self._lost(worker, left)
                    continue
                if error is not None:
                    raise error
                shard = worker.shard
                self._give(worker, left)
                if shard is not None:
                    yield shard, rows

    def _hire(self, left: list[int]) -> None:
        """Start a worker, in whose process Ctrl+C does nothing: its driver stops it."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        by_kernel = threading.current_thread() is threading.main_thread()
        process = context.Process(
            target=serve_shards, args=(theirs, self.start, by_kernel), daemon=True
        )
        with _interrupts_held_back():
            process.start()
            self.workers.append(_Worker(process, ours))
        theirs.close()  # so that its end is seen here when the process dies
        self._give(self.workers[-1], left)

    def _give(self, worker: _Worker, left: list[int]) -> None:
        """The next shard; a worker that nothing is left for goes home."""
        worker.shard = left.pop() if left else None
        with suppress(OSError):  # it died meanwhile: what follows from it is seen at its pipe
            worker.connection.send(worker.shard)
        if worker.shard is None:
            self._dismiss(worker)

    def _lost(self, worker: _Worker, left: list[int]) -> None:
        self._dismiss(worker)
        if worker.shard is None:
            return
        self.losses[worker.shard] = self.losses.get(worker.shard, 0) + 1
        if self.losses[worker.shard] >= RETRIES:
            raise RunError(
                f"workers were lost {RETRIES} times at shard {worker.shard}, perhaps for lack of "
                "memory: try fewer --workers or a smaller --batch-size"
            )
        left.append(worker.shard)
        self._hire(left)

    def _dismiss(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        worker.connection.close()
        worker.process.kill()  # nothing that it holds is worth an orderly end
        worker.process.join()

    def kill(self) -> None:
        """End every worker now, whatever it is doing."""
        for worker in self.workers:
            worker.process.kill()
        for worker in list(self.workers):
            self._dismiss(worker)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Block SIGINT in this thread, which a process that is started meanwhile inherits.

    Ctrl+C reaches every process of the terminal; in a worker it would print a traceback. One that
    comes meanwhile is not lost: it is delivered here at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else starting it would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
