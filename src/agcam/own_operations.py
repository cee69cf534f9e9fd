"""Which operations within a pass are ours, and no model's: whoever watches the pass skips them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

_ours: Final[ContextVar[bool]] = ContextVar("agcam_ours", default=False)


@contextmanager
def own_operations() -> Iterator[None]:
    """What is computed here is not the model's."""
    token = _ours.set(True)
    try:
        yield
    finally:
        _ours.reset(token)


def is_own_operation() -> bool:
    """Whether what this thread computes now is ours."""
    return _ours.get()


def end_own_operations() -> None:
    """A pass begins or ends: what comes is the model's, also if an interrupt came in between."""
    _ours.set(False)
