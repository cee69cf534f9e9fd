"""Functions of torch that are ours while some thread listens."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

from ..undo import Lock, Undo

Handler = TypeVar("Handler")


class Patch(NamedTuple):
    """A function by its owner and name, and ours, which asks `Patches.handler` whose a call is."""

    owner: Any
    name: str
    ours: Callable[..., Any]


class Patches(Generic[Handler]):
    """Puts functions in place of others for whoever listens, and takes them out again.

    The patches are process-wide, so they stay until the last handler has gone; the handler is a
    ContextVar, so threads do not meet: one without a handler has None, and gets the original.
    A patch of ours that is found in place, left by whatever accident, is never taken for an
    original.
    """

    def __init__(self, name: str, patches: list[Patch]) -> None:
        self._patches = patches
        self._originals = {patch.name: getattr(patch.owner, patch.name) for patch in patches}
        self._current: ContextVar[Handler | None] = ContextVar(f"agcam_{name}", default=None)
        self._lock = Lock()
        self._active: dict[object, int] = {}  # a token for each handler: its thread
        _all.add(self)

    @property
    def handler(self) -> Handler | None:
        """Who listens in this thread."""
        return self._current.get()

    def original(self, name: str) -> Callable[..., Any]:
        """The function as it was found."""
        found: Callable[..., Any] = self._originals[name]
        return found

    def activate(self, undo: Undo, handler: Handler) -> None:
        """Let `handler` capture this thread's calls until `undo` is closed."""
        token, before = object(), self._current.get()
        undo.add(partial(self._leave, token, before))
        self._lock.holding(partial(self._put_in, token))
        self._current.set(handler)

    def _put_in(self, token: object) -> None:
        self._active[token] = threading.get_ident()
        for owner, name, ours in self._patches:
            found = getattr(owner, name)
            if found is not ours:
                self._originals[name] = found
                setattr(owner, name, ours)

    def _leave(self, token: object, before: Handler | None) -> None:
        self._current.set(before)
        self._lock.holding(partial(self._take_out, token))

    def _take_out(self, token: object = None) -> None:
        self._active.pop(token, None)
        if self._active:
            return
        for owner, name, ours in self._patches:
            if getattr(owner, name) is ours:
                setattr(owner, name, self._originals[name])

    def after_fork(self) -> None:
        """Only the thread that forked lives on in the child; another may have held the lock."""
        self._lock = Lock()
        here = threading.get_ident()
        self._active = {t: thread for t, thread in self._active.items() if thread == here}
        self._take_out()


_all: Final[weakref.WeakSet[Patches[Any]]] = weakref.WeakSet()


def _after_fork() -> None:
    for patches in list(_all):
        patches.after_fork()


os.register_at_fork(after_in_child=_after_fork)
