"""Torch's functions patched, and its modes entered, until an `Undo` is closed."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar

from torch.overrides import TorchFunctionMode, _get_current_function_mode_stack
from torch.utils._python_dispatch import TorchDispatchMode, _get_current_dispatch_mode_stack

from ..undo import Lock, Undo

Handler = TypeVar("Handler")
Mode = TorchFunctionMode | TorchDispatchMode


class Patch(NamedTuple):
    """A function by its owner and name, and ours, which looks for a `Patches.handler`."""

    owner: Any
    name: str
    ours: Callable[..., Any]


class Patches(Generic[Handler]):
    """Patches that are in place while some thread has a handler for them.

    A patch is process-wide, so it stays until the last handler is gone. A handler belongs to its
    thread (a ContextVar): in a thread without one it is None, and our function calls the original.
    A patch that is found in place, left by whatever accident, is never taken for an original.
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
        """The handler of this thread."""
        return self._current.get()

    def original(self, name: str) -> Callable[..., Any]:
        """The function as it was found."""
        found: Callable[..., Any] = self._originals[name]
        return found

    def activate(self, undo: Undo, handler: Handler) -> None:
        """Send this thread's calls to `handler` until `undo` is closed."""
        token, before = object(), self._current.get()
        undo.add(partial(self._deactivate, token, before))
        self._lock.holding(partial(self._patch, token))
        self._current.set(handler)

    def _patch(self, token: object) -> None:
        self._active[token] = threading.get_ident()
        for owner, name, ours in self._patches:
            found = getattr(owner, name)
            if found is not ours:
                self._originals[name] = found
                setattr(owner, name, ours)

    def _deactivate(self, token: object, before: Handler | None) -> None:
        self._current.set(before)
        self._lock.holding(partial(self._restore, token))

    def _restore(self, token: object = None) -> None:
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
        self._restore()


_all: Final[weakref.WeakSet[Patches[Any]]] = weakref.WeakSet()


def _after_fork() -> None:
    for patches in list(_all):
        patches.after_fork()


os.register_at_fork(after_in_child=_after_fork)


def open_mode(undo: Undo, mode: Mode) -> None:
    """Enter one of torch's modes, which see every operation of a thread, until `undo` is closed."""
    undo.add(partial(_leave, mode))
    mode.__enter__()  # type: ignore[no-untyped-call]


def _leave(mode: Mode) -> None:
    functions: Any = _get_current_function_mode_stack
    while mode in (*functions(), *_get_current_dispatch_mode_stack()):
        with suppress(IndexError):  # an interrupted exit has given up what it remembered
            mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]
