"""A function of torch.nn.functional that is ours while somebody listens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

import torch.nn.functional as F

Listener = TypeVar("Listener")


class Swap(Generic[Listener]):
    """Hands a function's calls to `ours`, which asks `listener` whose they are.

    The swap is process-wide, so it is counted under a lock and undone by the last one out; the
    listener is a ContextVar, so threads do not meet: one without a listener has None.
    """

    def __init__(self, name: str, ours: Callable[..., Any]) -> None:
        self.name, self.ours = name, ours
        self.original: Callable[..., Any] = getattr(F, name)
        self._lock = threading.Lock()
        self._listeners = 0
        self._current: ContextVar[Listener | None] = ContextVar(f"agcam_{name}", default=None)

    @property
    def listener(self) -> Listener | None:
        """Who listens in this thread."""
        return self._current.get()

    @contextmanager
    def heard_by(self, listener: Listener) -> Iterator[None]:
        """Let `listener` hear this thread's calls while the context is open."""
        token = self._current.set(listener)
        self._enter()
        try:
            yield
        finally:
            self._leave()
            self._current.reset(token)

    def _enter(self) -> None:
        with self._lock:
            if self._listeners == 0:
                self.original = getattr(F, self.name)
                setattr(F, self.name, self.ours)
                self.first_in()
            self._listeners += 1

    def _leave(self) -> None:
        with self._lock:
            self._listeners -= 1
            if self._listeners == 0:
                setattr(F, self.name, self.original)
                self.last_out()

    def first_in(self) -> None:
        """What else is to be done with the swap."""

    def last_out(self) -> None:
        """What else is to be undone with it."""
