"""Changes to torch or a model are recorded before they are made, and undone.

An exception may come between any two lines (Ctrl-C does). So a change is recorded first, its
undoing may run any number of times, and the outermost record knows of all the others.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from torch import nn

Hook = Callable[..., Any]
Forward = Callable[..., Any]
P = ParamSpec("P")
T = TypeVar("T")


class Undo:
    """A record of steps that undo changes. A step may run more than once: it looks first."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self._steps: list[Callable[[], object]] = []

    def add(self, step: Callable[[], object]) -> None:
        """Record a step, before what it undoes is done."""
        self._steps.append(step)

    def set(self, owner: Any, name: str, value: object) -> None:
        """Set an attribute that the owner has, until the record is closed."""
        before = getattr(owner, name)
        if before is value or before == value:
            return

        def put_back() -> None:
            if getattr(owner, name) == value:  # what somebody else has set since is theirs
                setattr(owner, name, before)

        self.add(put_back)
        setattr(owner, name, value)

    def close(self) -> None:
        """Put everything back, the last change first."""
        while self._steps:
            self._steps[-1]()  # taken off the record only when it is done
            self._steps.pop()


class Lock:
    """A lock that is free again after an interrupt between any two lines.

    A `with` does not promise that: an exception on its way out leaves the lock taken.
    """

    def __init__(self) -> None:
        self._lock: Any = threading.RLock()

    def holding(self, do: Callable[[], None]) -> None:
        """Do something that no other thread does at the same time."""
        try:
            try:
                self._lock.acquire()
                do()
            finally:
                self._free()
        finally:
            self._free()

    def take(self, undo: Undo) -> None:
        """Hold the lock until `undo` is closed; the same thread may take it again."""
        taken: list[bool] = []
        undo.add(lambda: taken and taken.pop() and self._lock.release())
        taken.append(self._lock.acquire())

    def _free(self) -> None:
        if self._lock._is_owned():
            self._lock.release()


_outer: Final[ContextVar[Undo | None]] = ContextVar("agcam_undo", default=None)
_open: Final[set[Undo]] = set()  # of all threads, for a process that is forked


@contextmanager
def undoing() -> Iterator[Undo]:
    """A record that is closed on the way out, whatever ends the work."""
    undo, outer = Undo(), _outer.get()
    try:
        try:
            _begin(undo, outer)
            yield undo
        finally:
            undo.close()
    finally:
        undo.close()
        _outer.set(outer)
        _open.discard(undo)


def restoring(call: Callable[P, T]) -> Callable[P, T]:
    """A function that leaves nothing changed, also where a `with` was not ended.

    An interrupt between the end of a `with` block and the first line of its exit skips the exit.
    """

    @wraps(call)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        within = _outer.get()
        try:
            return call(*args, **kwargs)
        finally:
            if within is None:
                _put_back()

    return run


def _put_back() -> None:
    """Close the records that an interrupt has left open in this thread."""
    for undo in [undo for undo in _open if undo.thread == threading.get_ident()]:
        undo.close()
        _open.discard(undo)
    _outer.set(None)


def _begin(undo: Undo, outer: Undo | None) -> None:
    if outer is None:
        _open.add(undo)
        _outer.set(undo)
    else:
        outer.add(undo.close)


def _after_fork() -> None:
    """Undo what other threads had changed: they do not exist in this process."""
    for undo in [undo for undo in _open if undo.thread != threading.get_ident()]:
        undo.close()
        _open.discard(undo)


os.register_at_fork(after_in_child=_after_fork)


def hook(
    undo: Undo, module: nn.Module, before: Hook | None = None, after: Hook | None = None
) -> None:
    """Call `before(module, args, kwargs)` and `after(module, args, output)` until `undo` closes.

    Hooks belong to the module, not to a thread: a plain inference in another thread must pass
    them as if they were not there.
    """
    if before is not None:
        here = _here(before)
        undo.add(
            lambda: _remove(here, module._forward_pre_hooks, module._forward_pre_hooks_with_kwargs)
        )
        module.register_forward_pre_hook(here, with_kwargs=True)
    if after is not None:
        there = _here(after)
        undo.add(lambda: _remove(there, module._forward_hooks))
        module.register_forward_hook(there)


def wrap_forward(
    undo: Undo,
    module: nn.Module,
    around: Callable[[Forward, tuple[Any, ...], dict[str, Any]], Any],
) -> None:
    """Call `around(forward, args, kwargs)` in place of a module's forward until `undo` closes.

    In this thread alone. The module's own hooks run as ever, once, before and after it.
    """
    thread, attributes, forward = threading.get_ident(), vars(module), module.forward
    before = attributes.get("forward")  # None: the forward of its class

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return forward(*args, **kwargs)
        return around(forward, args, kwargs)

    def put_back() -> None:
        if attributes.get("forward") is not wrapped:
            return  # done already, or somebody else's since
        if before is None:
            attributes.pop("forward")
        else:
            attributes["forward"] = before

    undo.add(put_back)
    attributes["forward"] = wrapped


def _here(hook: Hook) -> Hook:
    owner = threading.get_ident()
    return lambda *args: hook(*args) if threading.get_ident() == owner else None


def _remove(ours: Hook, hooks: dict[int, Any], *flags: dict[int, Any]) -> None:
    """Found by itself, for an interrupt may have come before torch returned its handle."""
    for number in [number for number, found in list(hooks.items()) if found is ours]:
        for flagged in flags:
            flagged.pop(number, None)
        hooks.pop(number, None)
