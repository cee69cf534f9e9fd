"""A Ray cluster: actors that each hold a model."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..errors import AgcamError, RunError
from .engine import Engine, Start, Worker, WorkerLostError


class RayEngine(Engine):
    """`resources.address` names the cluster ("auto", "ray://HOST:PORT"); none: this machine.

    Every machine of the cluster needs agcam, the model and the data set under the same names.
    """

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Use the cluster that is connected already; else join or start one for this run."""
        ray = _library()
        if ray.is_initialized():
            yield
            return
        _connect(ray, self.resources.address)
        try:
            yield
        finally:
            ray.shutdown()

    def start_worker(self, start: Start) -> Worker:
        """Create an actor; Ray restarts none by itself."""
        ray, needs = _library(), self.resources
        remote = ray.remote(num_cpus=needs.threads, num_gpus=needs.gpus, max_restarts=0)
        worker = _Actor(ray, remote(_Worker).remote(start))
        self.workers.append(worker)
        return worker

    def wait(self, busy: Sequence[_Actor]) -> list[_Actor]:
        """The first that has answered, or is lost."""
        ready, _ = _library().wait([worker.answer for worker in busy], num_returns=1)
        return [worker for worker in busy if worker.answer in ready]


class _Worker:
    """What lives in the actor's process."""

    def __init__(self, start: Start) -> None:
        self.work = start()

    def run(self, shard: int) -> Any:
        return self.work(shard)


@dataclass(eq=False)
class _Actor(Worker):
    """An actor, and the answer that is to come from it."""

    ray: Any
    handle: Any
    answer: Any = None

    def submit(self, shard: int) -> None:
        self.answer = self.handle.run.remote(shard)

    def result(self) -> Any:
        errors = self.ray.exceptions
        try:
            return self.ray.get(self.answer)
        except errors.RayTaskError as error:
            raise (error.cause or error) from None
        except errors.RayActorError as error:
            start = error.args[0] if error.args else None
            if isinstance(start, errors.RayTaskError):  # it could not even start
                raise _start_error(start) from None
            raise WorkerLostError(str(error).strip().splitlines()[0]) from error

    def stop(self) -> None:
        with suppress(Exception):  # it may be gone, and its cluster too
            self.ray.kill(self.handle)


def _start_error(error: Any) -> AgcamError:
    """What is raised for a worker whose `start` raised."""
    if isinstance(error.cause, AgcamError):
        return error.cause
    return RunError(f"a worker could not start: {str(error).strip().splitlines()[-1]}")


def _library() -> Any:
    try:
        import ray
    except ImportError:
        raise RunError(
            'the engine "ray" needs Ray: pip install "agcam[ray]", or use --engine local'
        ) from None
    return ray


def _connect(ray: Any, address: str) -> None:
    """Join the cluster, or start one; the handler of SIGTERM stays the caller's, not Ray's."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address or None,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="warning",
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        where = address or "this machine"
        raise RunError(f"no Ray cluster could be reached at {where}: {error}") from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
