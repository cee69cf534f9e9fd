"""The queue: some requests are worked on, some wait, the next is told so at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from ..errors import BusyError
from .limits import Limits

Result = TypeVar("Result")


class Gate:
    """Bounds the work of all visitors together; `free` places are left."""

    def __init__(self, limits: Limits) -> None:
        self.free = limits.working + limits.waiting
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(limits.working, thread_name_prefix="agcam")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue, for as long as the context is open; raises BusyError if full."""
        with self._lock:
            if not self.free:
                raise BusyError("the server is busy with other pictures; try again in a moment.")
            self.free -= 1
        try:
            yield
        finally:
            with self._lock:
                self.free += 1

    async def work(self, function: Callable[[], Result]) -> Result:
        """Call `function` in a worker's thread when its turn comes; call inside `place`."""
        return await asyncio.wrap_future(self._pool.submit(function))

    async def run(self, function: Callable[[], Result]) -> Result:
        """Take a place, work, leave."""
        with self.place():
            return await self.work(function)
