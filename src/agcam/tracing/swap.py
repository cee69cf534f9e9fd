"""A function of torch.nn.functional that is ours while somebody listens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F


class Swap:
    """The swap is process-wide, so it is counted under a lock and undone by the last one out."""

    def __init__(self, name: str, ours: Callable[..., Any]) -> None:
        self.name, self.ours = name, ours
        self.lock = threading.Lock()
        self.listeners = 0
        self.original: Callable[..., Any] = getattr(F, name)

    def enter(self) -> None:
        """One more listens."""
        with self.lock:
            if self.listeners == 0:
                self.original = getattr(F, self.name)
                setattr(F, self.name, self.ours)
                self.first_in()
            self.listeners += 1

    def leave(self) -> None:
        """One less listens."""
        with self.lock:
            self.listeners -= 1
            if self.listeners == 0:
                setattr(F, self.name, self.original)
                self.last_out()

    def first_in(self) -> None:
        """What else is to be done with the swap."""

    def last_out(self) -> None:
        """What else is to be undone with it."""
