"""Whose turn it is: addresses in turn, the visitors of each in turn, the jobs of each in order."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from typing import Generic, TypeVar

from ..errors import BusyError, VisitorBusyError
from .limits import Limits
from .visits import Visit

Job = TypeVar("Job")
_Who = tuple[str, ...]  # (address,) or (address, visitor)


class Rounds(Generic[Job]):
    """Jobs that wait or are worked on, and how many of each visitor; used under a lock.

    A job is added once, taken by `next` and given `back` for every slice of its work, over once.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: OrderedDict[str, OrderedDict[str, deque[Job]]] = OrderedDict()
        self._known: dict[Job, tuple[Visit, float]] = {}
        self._jobs: defaultdict[_Who, int] = defaultdict(int)
        self._passes: defaultdict[_Who, float] = defaultdict(float)

    def __len__(self) -> int:
        return len(self._known)

    @property
    def waiting(self) -> list[Job]:
        """Every job that is not being worked on right now."""
        return [job for own in self._waiting.values() for jobs in own.values() for job in jobs]

    def add(self, job: Job, visit: Visit, passes: float) -> None:
        """Let a job wait; raises BusyError, VisitorBusyError where there are enough."""
        limits, address, who = self._limits, (visit.address,), (visit.address, visit.visitor)
        if len(self) >= limits.working + limits.waiting:
            raise BusyError("the server is busy with other pictures; try again in a moment.")
        if (
            self._jobs[who] >= limits.visitor_waiting
            or self._jobs[address] >= limits.address_waiting
            or 0 < self._passes[who] > limits.visitor_passes - passes
        ):
            raise VisitorBusyError(
                f"{self._jobs[who]} requests of yours are not answered yet; wait for an answer "
                "before you ask again."
            )
        self._known[job] = visit, passes
        self._count(visit, 1, passes)
        self._own(visit).append(job)

    def next(self) -> Job | None:
        """The job whose turn it is; its visitor's next turn comes after everybody else's."""
        if not self._waiting:
            return None
        address, own = next(iter(self._waiting.items()))
        visitor, jobs = next(iter(own.items()))
        job = jobs.popleft()
        own.move_to_end(visitor)
        self._waiting.move_to_end(address)
        self._tidy(address, visitor)
        return job

    def back(self, job: Job) -> None:
        """Let a job that was begun wait again, before others of the same visitor."""
        self._own(self._known[job][0]).appendleft(job)

    def over(self, job: Job) -> None:
        """Forget a job, also one that waits."""
        visit, passes = self._known.pop(job)
        self._count(visit, -1, -passes)
        if job in self._own(visit):
            self._own(visit).remove(job)
        self._tidy(visit.address, visit.visitor)

    def _count(self, visit: Visit, jobs: int, passes: float) -> None:
        address, who = (visit.address,), (visit.address, visit.visitor)
        self._passes[who] += passes
        for key in (address, who):
            self._jobs[key] += jobs
            if not self._jobs[key]:  # nobody is remembered who waits for nothing
                del self._jobs[key]
                self._passes.pop(key, None)

    def _own(self, visit: Visit) -> deque[Job]:
        own = self._waiting.setdefault(visit.address, OrderedDict())
        return own.setdefault(visit.visitor, deque())

    def _tidy(self, address: str, visitor: str) -> None:
        if not self._waiting[address][visitor]:
            del self._waiting[address][visitor]
        if not self._waiting[address]:
            del self._waiting[address]
