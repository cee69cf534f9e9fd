"""Operations within a model's pass that are ours: whoever watches the pass skips them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_own: Final[ContextVar[bool]] = ContextVar("agcam_own_operations", default=False)


@contextmanager
def own_operations() -> Iterator[None]:
    """Mark what this thread computes as ours, not the model's."""
    token = _own.set(True)
    try:
        yield
    finally:
        _own.reset(token)


def is_own_operation() -> bool:
    """Whether what this thread computes now is ours."""
    return _own.get()


def end_own_operations() -> None:
    """Take the mark off at the end of a pass, where an interrupt may have left it."""
    _own.set(False)
