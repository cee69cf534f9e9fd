"""What every engine shares: shards are handed out, and workers that are lost are replaced.

Engines differ in their workers only: how one is started, given a shard, waited for and stopped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from ..errors import RunError

RETRIES: Final = 3  # workers that may be lost at one shard before the run ends

Work = Callable[[int], Any]
Start = Callable[[], Work]
Rows = Generator[tuple[int, Any], None, None]


@dataclass(frozen=True)
class Resources:
    """How many workers, with how many threads and GPUs each, and where (an address, for ray)."""

    workers: int = 1
    threads: int = 1
    gpus: float = 0
    address: str = ""


class WorkerLostError(Exception):
    """A worker ended without an answer; the message is the likely reason."""


class Worker(ABC):
    """A worker as its driver sees it: it works on one shard at a time."""

    @abstractmethod
    def submit(self, shard: int) -> None:
        """Give it a shard; that it is dead by now is noticed by `result`."""

    @abstractmethod
    def result(self) -> Any:
        """The rows of its shard. Raises what the work raised, or WorkerLostError."""

    @abstractmethod
    def stop(self) -> None:
        """End it, whatever it is doing."""


class Engine(ABC):
    """Runs shards somewhere, in any order."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.workers: list[Any] = []

    @property
    def in_process(self) -> bool:
        """Whether `start` is called in this very process, so that it need not be sent anywhere."""
        return False

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Whatever the workers need around them."""
        yield

    @abstractmethod
    def start_worker(self, start: Start) -> Worker:
        """Start a worker that calls `start` once, and list it in `workers`."""

    @abstractmethod
    def wait(self, busy: Sequence[Any]) -> list[Any]:
        """Block until some of the busy workers have answered or are lost, and return those."""

    def run(self, start: Start, shards: Sequence[int]) -> Rows:
        """Yield each shard and what `start()(shard)` returned, as they are done.

        An error that the work raises is raised here. A worker that is lost is replaced, and its
        shard is worked on again. Closing the generator stops the workers.

        Raises:
            RunError: Workers were lost several times at one shard, or could not be started.
        """
        with self.connected():
            try:
                yield from self._run(start, list(reversed(shards)))
            finally:
                while self.workers:
                    self.workers.pop().stop()

    def _run(self, start: Start, left: list[int]) -> Rows:
        busy: dict[Worker, int] = {}
        losses: Counter[int] = Counter()

        def submit_next(worker: Worker) -> None:
            busy[worker] = left.pop()
            worker.submit(busy[worker])

        for _ in range(min(self.resources.workers, len(left))):
            submit_next(self.start_worker(start))
        while busy:
            for worker in self.wait(list(busy)):
                shard = busy.pop(worker)
                try:
                    rows = worker.result()
                except WorkerLostError as lost:
                    losses[shard] += 1
                    if losses[shard] >= RETRIES:
                        message = f"workers were lost {RETRIES} times at shard {shard}: {lost}"
                        raise RunError(message) from lost
                    self._dismiss(worker)
                    left.append(shard)
                    submit_next(self.start_worker(start))
                    continue
                if left:
                    submit_next(worker)  # before the caller stores the rows
                else:
                    self._dismiss(worker)
                yield shard, rows

    def _dismiss(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.stop()
