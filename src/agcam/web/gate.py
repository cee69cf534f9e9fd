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
    """Bounds the work of all visitors together."""

    def __init__(self, limits: Limits) -> None:
        self._places = threading.BoundedSemaphore(limits.working + limits.waiting)
        self._pool = ThreadPoolExecutor(limits.working, thread_name_prefix="agcam")

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the queue, for as long as the context is open; raises BusyError if full."""
        if not self._places.acquire(blocking=False):
            raise BusyError("the server is busy with other pictures; try again in a few seconds.")
        try:
            yield
        finally:
            self._places.release()

    async def work(self, function: Callable[[], Result]) -> Result:
        """Call `function` in a worker's thread when its turn comes; call inside `place`."""
        return await asyncio.wrap_future(self._pool.submit(function))

    async def run(self, function: Callable[[], Result]) -> Result:
        """Take a place, work, leave."""
        with self.place():
            return await self.work(function)
