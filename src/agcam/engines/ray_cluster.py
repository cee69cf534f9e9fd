"""A Ray cluster: actors that each hold a model; the driver gives shards out and takes rows back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import AgcamError, RunError
from .engine import RETRIES, Engine, Rows, Start


class RayEngine(Engine):
    """`resources.address` names the cluster ("auto", "ray://HOST:PORT"); none: one on this machine.

    Every machine of the cluster needs agcam, the model and the data set at the same names.
    """

    def run(self, start: Start, shards: Sequence[int]) -> Rows:
        """As `Engine.run`."""
        ray = _library()
        ours = not ray.is_initialized()
        if ours:
            _connect(ray, self.resources.address)
        try:
            yield from _Driver(ray, self._actor(ray), start).run(
                shards, min(self.resources.workers, len(shards))
            )
        finally:
            if ours:
                ray.shutdown()

    def _actor(self, ray: Any) -> Any:
        resources = self.resources
        return ray.remote(num_cpus=resources.threads, num_gpus=resources.gpus, max_restarts=0)(
            _Worker
        )


class _Worker:
    def __init__(self, start: Start) -> None:
        self.work = start()

    def run(self, shard: int) -> Any:
        return self.work(shard)


class _Driver:
    """Gives each worker one shard at a time; replaces a worker that is lost."""

    def __init__(self, ray: Any, actor: Any, start: Start) -> None:
        self.ray, self.actor, self.start = ray, actor, start
        self.losses: dict[int, int] = {}

    def run(self, shards: Sequence[int], workers: int) -> Iterator[tuple[int, Any]]:
        left = list(reversed(shards))
        running: dict[Any, tuple[Any, int]] = {}
        free = [self.actor.remote(self.start) for _ in range(workers)]
        while left or running:
            while free and left:
                worker, shard = free.pop(), left.pop()
                running[worker.run.remote(shard)] = (worker, shard)
            (done,), _ = self.ray.wait(list(running), num_returns=1)
            worker, shard = running.pop(done)
            try:
                rows = self.ray.get(done)
            except self.ray.exceptions.RayActorError as error:
                self._lost(shard, error)
                left.append(shard)
                free.append(self.actor.remote(self.start))
            except self.ray.exceptions.RayTaskError as error:
                raise (error.cause or error) from None
            else:
                free.append(worker)
                yield shard, rows

    def _lost(self, shard: int, error: Exception) -> None:
        self.losses[shard] = self.losses.get(shard, 0) + 1
        cause = error.args[0] if error.args else None
        if isinstance(cause, self.ray.exceptions.RayTaskError):  # it could not even start
            if isinstance(cause.cause, AgcamError):
                raise cause.cause from None
            reason = str(cause).strip().splitlines()[-1]
            raise RunError(f"a worker could not start: {reason}") from error
        if self.losses[shard] >= RETRIES:
            reason = str(error).strip().splitlines()[0]
            raise RunError(f"workers were lost {RETRIES} times at shard {shard}: {reason}")


def _library() -> Any:
    try:
        import ray
    except ImportError:
        raise RunError(
            'the engine "ray" needs Ray: pip install "agcam[ray]", or use --engine local'
        ) from None
    return ray


def _connect(ray: Any, address: str) -> None:
    """Join the cluster, or start one; the answer to SIGTERM stays the caller's, not Ray's."""
    answer = signal.getsignal(signal.SIGTERM)
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
            signal.signal(signal.SIGTERM, answer)
