"""The work queue: bounded before work starts, shared fairly in time slices, given up when unwanted.

It knows no protocol and no page: a job is a generator that yields between its steps.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from queue import SimpleQueue
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
    """Bounds the work of all visitors together, and shares the worker threads among them.

    Only the steps run in threads. All else happens in the event loop, so nothing is locked.
    """

    def __init__(self, limits: Limits, time_slice: float = TIME_SLICE) -> None:
        self._limits, self._time_slice = limits, time_slice
        self._jobs: FairQueue[_Job[Any]] = FairQueue(limits)
        self._slices: SimpleQueue[_Job[Any] | None] = SimpleQueue()
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
        if self._closed:
            raise BusyError(STOPPING)
        request = current_request()
        job: _Job[Result] = _Job(work())
        self._jobs.add(job, request, passes)
        self._start()
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
        self._closed = True
        for job in (*self._jobs.waiting, *self._jobs.in_work):
            self._give_up(job, BusyError(STOPPING))
        for _ in range(self._limits.working):
            self._slices.put(None)
        return not self._jobs.in_work

    def _give_up(self, job: _Job[Any], error: BusyError | None = None) -> None:
        """A job that waits ends at once, one in work after its step."""
        job.given_up = True
        if not job.answer.done():
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                job.answer.cancel() if error is None else job.answer.set_exception(error)
        if job in self._jobs.waiting:
            self._jobs.remove(job)
            job.stop()

    def _start(self) -> None:
        """Give a time slice to the next jobs, while there are idle workers."""
        while not self._closed and len(self._jobs.in_work) < self._limits.working:
            job = self._jobs.take()
            if job is None:
                return
            self._slices.put(job)

    def _work(self) -> None:
        """In a thread of its own: run time slices, one after another."""
        while (job := self._slices.get()) is not None:
            seconds = job.run(self._time_slice)
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                job.loop.call_soon_threadsafe(self._after, job, seconds)
            del job  # an idle worker keeps nothing alive
            time.sleep(COURTESY)  # Python's locks are not fair: whoever waits has the model next

    def _after(self, job: _Job[Any], seconds: float) -> None:
        """After a time slice: hand over what came of the job, or let it wait for its next slice."""
        if job.finished or job.given_up:
            self._jobs.remove(job)
            job.stop()
            job.hand_over()
        else:
            if len(self._jobs) > 2 * self._limits.working:
                job.free_memory()
            self._jobs.put_back(job, seconds)
        self._start()


class _Job(Generic[Result]):
    """One piece of work, begun or not, and the future of its answer."""

    def __init__(self, steps: Steps[Result]) -> None:
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Result] = self.loop.create_future()
        self.free_memory: Callable[[], None] = nothing_to_free
        self.finished = self.given_up = False
        self._steps = steps
        self._result: Any = None
        self._error: BaseException | None = None

    def run(self, seconds: float) -> float:
        """Do steps for so many seconds, at least one; returns how long they took."""
        start = time.monotonic()
        try:
            self.free_memory = next(self._steps)
            while not self.given_up and time.monotonic() < start + seconds:
                self.free_memory = next(self._steps)
        except StopIteration as stop:
            self.finished, self._result = True, stop.value
        except BaseException as error:
            self.finished, self._error = True, error  # raised again in `WorkQueue.run`
        return time.monotonic() - start

    def hand_over(self) -> None:
        """Set the answer, unless nobody waits for it."""
        if self.answer.done():
            return
        if self._error is not None:
            self.answer.set_exception(self._error)
        else:
            self.answer.set_result(self._result)

    def stop(self) -> None:
        """Free everything that the work holds."""
        self._steps.close()
        self.free_memory = nothing_to_free
