"""Which question of a page is the last one: an answer that was overtaken is not shown."""

from __future__ import annotations

import threading
from collections import OrderedDict


class Turns:
    """Numbers the questions of each open page; remembers the `pages` asked from most recently."""

    def __init__(self, pages: int = 10_000) -> None:
        self._pages = pages
        self._lock = threading.Lock()
        self._last: OrderedDict[str, int] = OrderedDict()

    def take(self, page: str) -> int:
        """The number of a new question."""
        with self._lock:
            turn = self._last[page] = self._last.pop(page, 0) + 1
            while len(self._last) > self._pages:
                self._last.popitem(last=False)
            return turn

    def overtaken(self, page: str, turn: int) -> bool:
        """Whether a newer question came from the same page."""
        with self._lock:
            return self._last.get(page, turn) > turn
