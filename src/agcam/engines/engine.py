"""What every engine is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Final

RETRIES: Final = 3  # times that work is given out again after the loss of workers without progress

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


class Engine(ABC):
    """Runs shards somewhere, in any order."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    @property
    def in_process(self) -> bool:
        """Whether `start` is called in this very process, so that it need not be sent anywhere."""
        return False

    @abstractmethod
    def run(self, start: Start, shards: Sequence[int]) -> Rows:
        """Shards and what `start()(shard)` gave, as they come. Raises RunError.

        An error that the work raises is raised here; a worker that is lost is replaced, and its
        shards are worked on again. Closing the generator ends the workers, whatever they are at.
        """
