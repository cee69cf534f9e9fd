"""A run: shard by shard from an engine into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from ..engines import ENGINES, Engine, Resources
from ..errors import RunError
from ..records import Run, ShardRows, Store
from .configuration import start_worker, threads_of
from .evaluator import Worker
from .planning import Plan

Tell = Callable[[ShardRows], None]


def run_plan(
    made: Plan,
    path: str | Path,
    engine: str = "local",
    resources: Resources | None = None,
    tell: Tell = lambda rows: None,
) -> Run:
    """Run what is left of a plan into the store at `path`; `tell` hears of each shard.

    Only this process writes. A second run of the same configuration at the same time is refused;
    runs of others may write to the same store. Raises AgcamError.
    """
    worker = ENGINES[engine](resources or Resources())
    with Store(path) as store, _alone(path, made.key):
        done = store.begin(made.key, made.stored, made.subject.shards)
        left = [shard for shard in range(made.subject.shards) if shard not in done]
        threads = threads_of(made.configuration) if worker.in_process else nullcontext()
        with threads, closing(worker.run(_start(made, worker), left)) as done_shards:
            for shard, rows in done_shards:
                store.append(made.key, shard, rows)
                tell(rows)
        store.finish(made.key)
        return store.run(made.key)


def _start(made: Plan, engine: Engine) -> Callable[[], Callable[[int], ShardRows]]:
    if engine.in_process:
        return partial(Worker, made.subject)
    if made.configuration is None:
        raise RunError(
            "a model that is not named cannot be sent to other processes: use one worker"
        )
    return partial(start_worker, made.configuration, made.key)


@contextmanager
def _alone(path: str | Path, key: str) -> Iterator[None]:
    """Hold the run; the system lets go of it when the process ends, however it ends.

    The empty file stays: were it removed, one process could lock the removed file and another a
    new one.
    """
    lock = FileLock(f"{path}.{key[:12]}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            f"another process is at this very run ({key[:12]}) in {path}; wait for it, or change "
            "the configuration"
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be locked: {error}") from error
    try:
        yield
    finally:
        lock.release()
