"""The queue: work is bounded before it starts, done slice by slice in fair turns, and given up.

No protocol and no page: a piece of work is a generator whose every step is a slice.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, Final, Generic, TypeVar

from ..errors import BusyError, GoneError, TooMuchError
from .limits import Limits
from .rounds import Rounds
from .visits import STOPPING, visit_now

Result = TypeVar("Result")
Slices = Generator[Callable[[], None], None, Result]
"""Work in slices. Each step gives a function that lets go of what can be made again: it is called
where many wait, so that work that was begun does not pile up in memory."""


COURTESY: Final = 0.002  # seconds
TURN: Final = 0.25  # seconds: a turn is as many slices as fit, at least one


def nothing() -> None:
    """What is given after a slice that holds nothing."""


class Gate:
    """Bounds the work of all visitors together, and shares the workers among them."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._ready = threading.Condition()
        self._rounds: Rounds[_Job[Any]] = Rounds(limits)
        self._running: set[_Job[Any]] = set()
        self._closed = False
        for _ in range(limits.working):
            threading.Thread(target=self._work, name="agcam", daemon=True).start()

    @property
    def free(self) -> int:
        """How many more requests may come."""
        return self._limits.working + self._limits.waiting - len(self._rounds)

    def admit(self, passes: float, why: str) -> None:
        """Raise TooMuchError for a request that costs more forward passes than one may."""
        most = self._limits.request_passes
        if passes > most:
            raise TooMuchError(
                f"this takes about {passes:.0f} forward passes, more than the {most:.0f} of one "
                f"request; {why}."
            )

    async def call(self, function: Callable[[], Result], passes: float = 1.0) -> Result:
        """`run` for work of one slice."""

        def whole() -> Slices[Result]:
            yield nothing
            return function()

        return await self.run(whole, passes)

    async def run(self, work: Callable[[], Slices[Result]], passes: float = 1.0) -> Result:
        """Do the work when its turn comes; given up as soon as nobody waits for it.

        `passes` is what it costs, in forward passes. Raises BusyError and VisitorBusyError where
        enough is waiting, GoneError where the visitor has left.
        """
        visit = visit_now()
        job: _Job[Result] = _Job(work)
        with self._ready:
            if self._closed:
                raise BusyError(STOPPING)
            self._rounds.add(job, visit, passes)
            self._ready.notify()
        left: asyncio.Future[Any] = asyncio.ensure_future(visit.left())
        visit.working = True
        try:
            both: set[asyncio.Future[Any]] = {job.answer, left}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if job.answer.done():
                return job.answer.result()
            raise GoneError("nobody waits for this answer any more.")
        finally:
            visit.working = False
            left.cancel()
            self._give_up(job)

    def close(self) -> bool:
        """Refuse and give up everything; whether no worker is busy any more."""
        with self._ready:
            self._closed = True
            for job in self._rounds.waiting:
                self._rounds.over(job, waits=True)
                job.stop()
                job.tell(error=BusyError(STOPPING))
            for job in self._running:
                job.given_up = True
                job.tell(error=BusyError(STOPPING))
            self._ready.notify_all()
            return not self._running

    def _give_up(self, job: _Job[Any]) -> None:
        """A job that waits is over at once; one that is worked on after its slice."""
        job.answer.cancel()
        with self._ready:
            job.given_up = True
            if job in self._rounds.waiting:
                self._rounds.over(job, waits=True)
                job.stop()

    def _work(self) -> None:
        while True:
            with self._ready:
                job = self._rounds.next()
                while job is None:
                    if self._closed:
                        return
                    self._ready.wait()
                    job = self._rounds.next()
                self._running.add(job)
            start = time.monotonic()
            finished = job.step()
            while not finished and not job.given_up and time.monotonic() < start + TURN:
                finished = job.step()
            with self._ready:
                self._running.discard(job)
                if finished or job.given_up:
                    self._rounds.over(job)
                    job.stop()
                else:
                    if len(self._rounds) > 2 * self._limits.working:
                        job.let_go()
                    self._rounds.back(job, time.monotonic() - start)
                self._ready.notify()  # another job of this address may go on now
                several = bool(self._running)
            del job  # a worker that waits holds on to nothing
            if several:  # Python's locks are not fair: the model goes to the one that waits for it
                time.sleep(COURTESY)


class _Job(Generic[Result]):
    """One piece of work, begun or not, and where its answer goes."""

    def __init__(self, work: Callable[[], Slices[Result]]) -> None:
        self.given_up = False
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Result] = self._loop.create_future()
        self.let_go: Callable[[], None] = nothing
        self._slices = work()

    def step(self) -> bool:
        """Do one slice; whether that was the last."""
        try:
            self.let_go = next(self._slices)
        except StopIteration as stop:
            return self.tell(stop.value)
        except BaseException as error:
            return self.tell(error=error)  # raised again where it was asked for
        return False

    def stop(self) -> None:
        """Let go of everything that the work holds."""
        self._slices.close()
        self.let_go = nothing

    def tell(self, value: Any = None, error: BaseException | None = None) -> bool:
        """Hand over what came of it, in the loop of whoever asked; always True."""

        def hand_over() -> None:
            if self.answer.done():
                return
            if error is not None:
                self.answer.set_exception(error)
            else:
                self.answer.set_result(value)

        with suppress(RuntimeError):  # the loop is closed: nobody is there
            self._loop.call_soon_threadsafe(hand_over)
        return True
