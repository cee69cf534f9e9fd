"""What is kept between two requests: in memory only, bounded, each visitor's own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from .limits import Limits


class Sized(Protocol):
    """An object that knows how many bytes it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes held in memory."""


Value = TypeVar("Value", bound=Sized)
Key = tuple[str, str]
"""(visitor, upload): neither can be guessed, and both are needed."""


class _Entry(NamedTuple, Generic[Value]):
    value: Value
    nbytes: int
    used: float


class BoundedCache(Generic[Value]):
    """Values by (visitor, upload); the least recently used is dropped first.

    Dropped is what was not used for `limits.kept_seconds`, what exceeds `limits.kept_pictures` of
    one visitor, and what exceeds `limits.kept_bytes` of all.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._lock = threading.Lock()
        self._entries: dict[Key, _Entry[Value]] = {}  # in the order of their last use

    def put(self, key: Key, value: Value, *, only_in_place: bool = False) -> None:
        """Keep a value, if wanted only in place of one; others may be dropped for it."""
        with self._lock:
            if self._entries.pop(key, None) is None and only_in_place:
                return
            self._entries[key] = _Entry(value, value.nbytes, self._clock())
            own = [other for other in self._entries if other[0] == key[0]]
            for other in own[: -self._limits.kept_pictures]:
                del self._entries[other]
            self._drop()

    def get(self, key: Key) -> Value | None:
        """The value, which counts as used now; None if it was dropped or never put."""
        with self._lock:
            self._drop()
            entry = self._entries.pop(key, None)
            if entry is None:
                return None
            self._entries[key] = entry._replace(used=self._clock())
            return entry.value

    def sweep(self) -> None:
        """Drop what is too old, also when nobody uses the cache."""
        with self._lock:
            self._drop()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def nbytes(self) -> int:
        """Bytes of everything kept."""
        with self._lock:
            return sum(entry.nbytes for entry in self._entries.values())

    def _drop(self) -> None:
        oldest = self._clock() - self._limits.kept_seconds
        total = sum(entry.nbytes for entry in self._entries.values())
        for key, entry in list(self._entries.items()):
            if entry.used >= oldest and total <= self._limits.kept_bytes:
                break
            total -= entry.nbytes
            del self._entries[key]
