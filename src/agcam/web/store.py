"""What is remembered between two clicks: in memory only, bounded, each visitor's own."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from .limits import Limits


class Weighed(Protocol):
    """Anything that knows how many bytes it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""


Thing = TypeVar("Thing", bound=Weighed)
Key = tuple[str, str]
"""(visitor, picture): both cannot be guessed, and both are needed."""


@dataclass
class _Kept(Generic[Thing]):
    thing: Thing
    nbytes: int
    used: float


class Store(Generic[Thing]):
    """Things by (visitor, picture), least recently used first to go.

    Whatever is older than `limits.kept_seconds`, above `limits.kept_pictures` of one visitor or
    above `limits.kept_bytes` of all is dropped; what is being worked with stays alive until then.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, _Kept[Thing]] = OrderedDict()

    def put(self, key: Key, thing: Thing) -> None:
        """Keep a thing under its key, or in the place of the one before; others may be dropped."""
        with self._lock:
            self._put(key, thing)

    def get(self, key: Key) -> Thing | None:
        """The thing, which counts as used now; None if it was dropped or never was there."""
        with self._lock:
            self._drop()
            kept = self._kept.get(key)
            if kept is None:
                return None
            kept.used = self._clock()
            self._kept.move_to_end(key)
            return kept.thing

    def replace(self, key: Key, thing: Thing) -> None:
        """Keep a thing in the place of another, unless that was dropped meanwhile."""
        with self._lock:
            if key in self._kept:
                self._put(key, thing)

    def sweep(self) -> None:
        """Drop what is too old, also when nobody asks for anything."""
        with self._lock:
            self._drop()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept."""
        with self._lock:
            return sum(kept.nbytes for kept in self._kept.values())

    def _put(self, key: Key, thing: Thing) -> None:
        self._kept[key] = _Kept(thing, thing.nbytes, self._clock())
        self._kept.move_to_end(key)
        own = [other for other in self._kept if other[0] == key[0]]
        for other in own[: -self._limits.kept_pictures]:
            del self._kept[other]
        self._drop()

    def _drop(self) -> None:
        oldest = self._clock() - self._limits.kept_seconds
        total = sum(kept.nbytes for kept in self._kept.values())
        for key, kept in list(self._kept.items()):
            if kept.used >= oldest and total <= self._limits.kept_bytes:
                break
            total -= kept.nbytes
            del self._kept[key]
