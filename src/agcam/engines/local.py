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

from .engine import Engine, Rows, Start, Worker, WorkerLostError
from .worker import serve_shards


class LocalEngine(Engine):
    """One worker works in this process; several are processes of their own."""

    @property
    def in_process(self) -> bool:
        """One worker needs no process of its own."""
        return self.resources.workers == 1

    def run(self, start: Start, shards: Sequence[int]) -> Rows:
        """As `Engine.run`."""
        if not self.in_process:
            yield from super().run(start, shards)
            return
        work = start()
        yield from ((shard, work(shard)) for shard in shards)

    def start_worker(self, start: Start) -> Worker:
        """Start a process in which Ctrl+C does nothing: its driver stops it."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        by_kernel = threading.current_thread() is threading.main_thread()
        process = context.Process(target=serve_shards, args=(theirs, start, by_kernel), daemon=True)
        worker = _Process(process, ours)
        with _interrupts_blocked():
            process.start()
            self.workers.append(worker)
        theirs.close()  # so that its end is noticed here when the process dies
        return worker

    def wait(self, busy: Sequence[_Process]) -> list[_Process]:
        """Those whose pipe has an answer, or is closed."""
        ready = wait([worker.connection for worker in busy])
        return [worker for worker in busy if worker.connection in ready]


@dataclass(eq=False)
class _Process(Worker):
    """A process, and our end of its pipe."""

    process: SpawnProcess
    connection: Connection

    def submit(self, shard: int) -> None:
        with suppress(OSError):
            self.connection.send(shard)

    def result(self) -> Any:
        try:
            rows, error, where = pickle.loads(self.connection.recv_bytes())
        except (EOFError, OSError, pickle.UnpicklingError) as end:
            raise WorkerLostError(
                "perhaps for lack of memory; try fewer --workers or a smaller --batch-size"
            ) from end
        if error is not None:
            raise error from (RuntimeError(f"in a worker:\n{where}") if where else None)
        return rows

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()  # it holds nothing that is worth an orderly end
        self.process.join()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Block SIGINT in this thread, which a process that is started meanwhile inherits.

    Ctrl+C reaches every process of the terminal; in a worker it would print a traceback. One that
    comes meanwhile is not lost: it is delivered here at the end.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # starting it later would unblock the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
