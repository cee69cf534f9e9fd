"""The work queue: bounded before work starts, shared fairly in time slices, given up when unwanted.

It knows no protocol and no page: work is a generator that yields between its steps.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

from ..errors import BusyError, GoneError, TooMuchError, VisitorBusyError
from .context import STOPPING, RequestContext
from .limits import Limits

Result = TypeVar("Result")
Steps = Generator[Callable[[], None], None, Result]
"""Work in steps. Each step yields a function that frees memory which can be made again: it is
called where many wait, so that work that was begun does not pile up."""

TIME_SLICE: Final = 0.25  # seconds: as many steps as fit, at least one
LONG: Final = 4.0  # seconds of work after which other jobs of the same visitor go first
COURTESY: Final = 0.002  # seconds


def nothing_to_free() -> None:
    """What a step yields that holds nothing."""


class Job(Generic[Result]):
    """One piece of work, begun or not, and the future of its answer: once set, all is over."""

    def __init__(self, steps: Steps[Result], request: RequestContext, passes: float = 1.0) -> None:
        self.address, self.visitor = (request.address,), (request.address, request.visitor)
        self.passes, self.worked, self.in_work = passes, 0.0, False  # worked: in seconds
        self.answer: Future[Result] = Future()
        self.free_memory: Callable[[], None] = nothing_to_free
        self._steps = steps

    def run(self, seconds: float) -> None:
        """Do steps for so many seconds, at least one."""
        start = time.monotonic()
        with suppress(InvalidStateError):  # it was given up meanwhile
            try:
                self.free_memory = next(self._steps)
                while not self.answer.done() and time.monotonic() < start + seconds:
                    self.free_memory = next(self._steps)
            except StopIteration as stop:
                self.answer.set_result(stop.value)
            except BaseException as error:
                self.answer.set_exception(error)  # raised again in `WorkQueue.run`
        self.worked += time.monotonic() - start

    def close(self) -> None:
        """Free everything that the work holds."""
        self._steps.close()
        self.free_memory = nothing_to_free


class FairQueue:
    """Whose time slice is next: addresses in turn, their visitors in turn, long jobs last.

    One job of an address is in work at a time, so that no address holds all workers. A visitor's
    jobs go in order, but one that has taken long waits for those that have not: a short request
    passes it. There are a few hundred jobs at most, so everything is found by looking.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits, self._clock = limits, count()
        self.jobs: list[Job[Any]] = []  # in the order of arrival
        self._last_slice: dict[tuple[str, ...], int] = {}  # who came just now is last in the row

    def add(self, job: Job[Any]) -> None:
        """Let a job wait; raises BusyError or VisitorBusyError where too many do."""
        limits = self._limits
        of_address = [one for one in self.jobs if one.address == job.address]
        of_visitor = [one for one in of_address if one.visitor == job.visitor]
        if len(self.jobs) >= limits.working + limits.waiting:
            raise BusyError("the server is busy with other pictures; try again in a moment.")
        if (
            len(of_visitor) >= limits.visitor_waiting
            or len(of_address) >= limits.address_waiting
            or 0 < sum(one.passes for one in of_visitor) > limits.visitor_passes - job.passes
        ):
            raise VisitorBusyError(
                f"{len(of_visitor)} requests of yours are not answered yet; wait for an answer "
                "before you send more."
            )
        self.jobs.append(job)
        for owner in (job.address, job.visitor):
            self._last_slice.setdefault(owner, next(self._clock))

    def take(self) -> Job[Any] | None:
        """The next job, from now on in work; its visitor and address then wait for all others."""
        busy = {job.address for job in self.jobs if job.in_work}
        free = [job for job in self.jobs if job.address not in busy]
        if not free:
            return None
        last = self._last_slice
        job = min(free, key=lambda one: (last[one.address], last[one.visitor], one.worked // LONG))
        job.in_work = True
        last[job.address] = last[job.visitor] = next(self._clock)
        return job

    def remove(self, job: Job[Any]) -> None:
        """Forget a job; those who wait for nothing are not remembered."""
        self.jobs.remove(job)
        owners = {owner for one in self.jobs for owner in (one.address, one.visitor)}
        self._last_slice = {owner: self._last_slice[owner] for owner in owners}


class WorkQueue:
    """Bounds the work of all visitors together, and shares the worker threads among them.

    Only the steps run in threads. All else happens in the event loop, so nothing is locked.
    """

    def __init__(self, limits: Limits, time_slice: float = TIME_SLICE) -> None:
        self._limits, self._time_slice = limits, time_slice
        self._fair = FairQueue(limits)
        self._slices: SimpleQueue[tuple[Job[Any], asyncio.AbstractEventLoop] | None] = SimpleQueue()
        self._closed = False
        for _ in range(limits.working):
            threading.Thread(target=self._work, name="agcam", daemon=True).start()

    def admit(self, passes: float, advice: str) -> None:
        """Raise TooMuchError for a request that costs more forward passes than one may."""
        most = self._limits.request_passes
        if passes > most:
            raise TooMuchError(
                f"this takes about {passes:.0f} forward passes, more than the {most:.0f} of one "
                f"request; {advice}."
            )

    async def run(
        self, request: RequestContext, work: Callable[[], Steps[Result]], passes: float = 1.0
    ) -> Result:
        """Do the work in its time slices; given up as soon as nobody waits for the answer.

        `passes` is its cost in forward passes. Raises BusyError and VisitorBusyError where too much
        is waiting, GoneError where the visitor has left.
        """
        if self._closed:
            raise BusyError(STOPPING)
        job: Job[Result] = Job(work(), request, passes)
        self._fair.add(job)
        self._start()
        answer = asyncio.wrap_future(job.answer)
        left: asyncio.Future[Any] = asyncio.ensure_future(request.disconnected())
        request.working = True
        try:
            await asyncio.wait((answer, left), return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise GoneError("nobody waits for this answer any more.")
        finally:
            request.working = False
            left.cancel()
            job.answer.cancel()
            self._forget(job)

    def close(self) -> bool:
        """Refuse and give up everything; returns whether all workers are idle."""
        self._closed = True
        for job in self._fair.jobs.copy():
            with suppress(InvalidStateError):
                job.answer.set_exception(BusyError(STOPPING))
            self._forget(job)
        for _ in range(self._limits.working):
            self._slices.put(None)
        return not self._fair.jobs

    def _forget(self, job: Job[Any]) -> None:
        """A job that is over leaves the queue, one in work after its step."""
        if job in self._fair.jobs and not job.in_work:
            self._fair.remove(job)
            job.close()

    def _start(self) -> None:
        """Give a time slice to the next jobs, while there are idle workers."""
        loop = asyncio.get_running_loop()
        busy = sum(job.in_work for job in self._fair.jobs)
        for _ in range(0 if self._closed else self._limits.working - busy):
            if (job := self._fair.take()) is not None:
                self._slices.put((job, loop))

    def _work(self) -> None:
        """In a thread of its own: run time slices, one after another."""
        while (given := self._slices.get()) is not None:
            job, loop = given
            job.run(self._time_slice)
            with suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(self._after, job)
            del job, given  # an idle worker keeps nothing alive
            time.sleep(COURTESY)  # Python's locks are not fair: whoever waits has the model next

    def _after(self, job: Job[Any]) -> None:
        """After a time slice a job is over, or waits for its next one."""
        job.in_work = False
        if job.answer.done():
            self._forget(job)
        elif len(self._fair.jobs) > 2 * self._limits.working:
            job.free_memory()
        self._start()
