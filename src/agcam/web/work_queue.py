"""The work queue: bounded before work starts, shared fairly in time slices, given up when unwanted.

It knows no protocol and no page: a job is a generator that yields between its steps.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from ..errors import BusyError, GoneError, TooMuchError
from .context import STOPPING, current_request
from .fair_queue import FairQueue
from .limits import Limits

Result = TypeVar("Result")
Steps = Generator[Callable[[], None], None, Result]
"""Work in steps. Each step yields a function that frees memory which can be made again: it is
called where many wait, so that work that was begun does not pile up."""

TIME_SLICE: Final = 0.25  # seconds: as many steps as fit, at least one
COURTESY: Final = 0.002  # seconds


def nothing_to_free() -> None:
    """What a step yields that holds nothing."""


class WorkQueue:
    """Bounds the work of all visitors together, and shares the workers among them."""

    def __init__(self, limits: Limits, time_slice: float = TIME_SLICE) -> None:
        self._limits, self._time_slice = limits, time_slice
        self._changed = threading.Condition()
        self._jobs: FairQueue[_Job[Any]] = FairQueue(limits)
        self._running: set[_Job[Any]] = set()
        self._closed = False
        for _ in range(limits.working):
            threading.Thread(target=self._work, name="agcam", daemon=True).start()

    @property
    def free(self) -> int:
        """How many more requests fit."""
        return self._limits.working + self._limits.waiting - len(self._jobs)

    def admit(self, passes: float, advice: str) -> None:
        """Raise TooMuchError for a request that costs more forward passes than one may."""
        most = self._limits.request_passes
        if passes > most:
            raise TooMuchError(
                f"this takes about {passes:.0f} forward passes, more than the {most:.0f} of one "
                f"request; {advice}."
            )

    async def call(self, function: Callable[[], Result], passes: float = 1.0) -> Result:
        """`run` for work of one step."""

        def steps() -> Steps[Result]:
            yield nothing_to_free
            return function()

        return await self.run(steps, passes)

    async def run(self, work: Callable[[], Steps[Result]], passes: float = 1.0) -> Result:
        """Do the work in its time slices; given up as soon as nobody waits for the answer.

        `passes` is its cost in forward passes. Raises BusyError and VisitorBusyError where too much
        is waiting, GoneError where the visitor has left.
        """
        request = current_request()
        job: _Job[Result] = _Job(work)
        with self._changed:
            if self._closed:
                raise BusyError(STOPPING)
            self._jobs.add(job, request, passes)
            self._changed.notify()
        left: asyncio.Future[Any] = asyncio.ensure_future(request.disconnected())
        request.working = True
        try:
            both: set[asyncio.Future[Any]] = {job.answer, left}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if job.answer.done():
                return job.answer.result()
            raise GoneError("nobody waits for this answer any more.")
        finally:
            request.working = False
            left.cancel()
            self._give_up(job)

    def close(self) -> bool:
        """Refuse and give up everything; returns whether all workers are idle."""
        with self._changed:
            self._closed = True
            for job in self._jobs.waiting:
                self._jobs.remove(job, waits=True)
                job.stop()
                job.finish(error=BusyError(STOPPING))
            for job in self._running:
                job.given_up = True
                job.finish(error=BusyError(STOPPING))
            self._changed.notify_all()
            return not self._running

    def _give_up(self, job: _Job[Any]) -> None:
        """A job that waits ends at once, one in work after its step."""
        job.answer.cancel()
        with self._changed:
            job.given_up = True
            if job in self._jobs.waiting:
                self._jobs.remove(job, waits=True)
                job.stop()

    def _work(self) -> None:
        while True:
            job = self._next()
            if job is None:
                return
            start = time.monotonic()
            finished = job.step()
            while not finished and not job.given_up and time.monotonic() < start + self._time_slice:
                finished = job.step()
            several = self._after(job, finished, time.monotonic() - start)
            del job  # an idle worker keeps nothing alive
            if several:  # Python's locks are not fair: let the worker that waits have the model
                time.sleep(COURTESY)

    def _next(self) -> _Job[Any] | None:
        """Wait for a job; None once the queue is closed."""
        with self._changed:
            while (job := self._jobs.take()) is None:
                if self._closed:
                    return None
                self._changed.wait()
            self._running.add(job)
            return job

    def _after(self, job: _Job[Any], finished: bool, seconds: float) -> bool:
        """End a job or let it wait for its next slice; returns whether others are in work."""
        with self._changed:
            self._running.discard(job)
            if finished or job.given_up:
                self._jobs.remove(job)
                job.stop()
            else:
                if len(self._jobs) > 2 * self._limits.working:
                    job.free_memory()
                self._jobs.put_back(job, seconds)
            self._changed.notify()  # another job of this address may go on now
            return bool(self._running)


class _Job(Generic[Result]):
    """One piece of work, begun or not, and the future of its answer."""

    def __init__(self, work: Callable[[], Steps[Result]]) -> None:
        self.given_up = False
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Result] = self._loop.create_future()
        self.free_memory: Callable[[], None] = nothing_to_free
        self._steps = work()

    def step(self) -> bool:
        """Do one step; returns whether it was the last."""
        try:
            self.free_memory = next(self._steps)
        except StopIteration as stop:
            return self.finish(stop.value)
        except BaseException as error:
            return self.finish(error=error)  # raised again in `run`
        return False

    def stop(self) -> None:
        """Free everything that the work holds."""
        self._steps.close()
        self.free_memory = nothing_to_free

    def finish(self, value: Any = None, error: BaseException | None = None) -> bool:
        """Set the answer, in the loop of whoever waits for it; always returns True."""

        def settle() -> None:
            if self.answer.done():
                return
            if error is not None:
                self.answer.set_exception(error)
            else:
                self.answer.set_result(value)

        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(settle)
        return True
