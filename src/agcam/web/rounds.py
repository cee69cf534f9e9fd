"""Whose turn it is: addresses in turn, their visitors in turn, jobs that take long last."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..errors import BusyError, VisitorBusyError
from .limits import Limits
from .visits import Visit

Job = TypeVar("Job")
LONG: Final = 4.0  # seconds of work after which others of the same visitor go first
_Who = tuple[str, ...]  # (address,) or (address, visitor)


@dataclass
class _Known:
    visit: Visit
    passes: float
    number: int  # in the order in which they came
    served: float = 0.0  # seconds

    @property
    def turn(self) -> tuple[int, int]:
        """Which of a visitor's jobs is next: in order, but long ones after the others."""
        return int(self.served // LONG), self.number


class Rounds(Generic[Job]):
    """Jobs that wait or are worked on, and how many of each visitor; used under a lock.

    A job is added once, taken by `next` and given `back` for every turn, and over once. One job
    of an address is worked on at a time, so that no address holds all workers. A visitor's jobs go
    in order, but one that has taken long waits for those that have not: a short question passes it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: OrderedDict[str, OrderedDict[str, list[Job]]] = OrderedDict()
        self._served: set[str] = set()  # addresses for which a worker works now
        self._known: dict[Job, _Known] = {}
        self._came = 0
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
        self._came += 1
        self._known[job] = _Known(visit, passes, self._came)
        self._count(visit, 1, passes)
        self._wait(job)

    def next(self) -> Job | None:
        """The job whose turn it is; its visitor's next turn comes after everybody else's."""
        address = next((each for each in self._waiting if each not in self._served), None)
        if address is None:
            return None
        visitor, jobs = next(iter(self._waiting[address].items()))
        job = min(jobs, key=lambda each: self._known[each].turn)
        self._waiting[address].move_to_end(visitor)
        self._waiting.move_to_end(address)
        self._remove(job)
        self._served.add(address)
        return job

    def back(self, job: Job, seconds: float) -> None:
        """Let a job that was worked on for some seconds wait for its next turn."""
        known = self._known[job]
        known.served += seconds
        self._served.discard(known.visit.address)
        self._wait(job)

    def over(self, job: Job, waits: bool = False) -> None:
        """Forget a job that was worked on, or one that `waits`."""
        known = self._known[job]
        if waits:
            self._remove(job)
        else:
            self._served.discard(known.visit.address)
        del self._known[job]
        self._count(known.visit, -1, -known.passes)

    def _count(self, visit: Visit, jobs: int, passes: float) -> None:
        address, who = (visit.address,), (visit.address, visit.visitor)
        self._passes[who] += passes
        for key in (address, who):
            self._jobs[key] += jobs
            if not self._jobs[key]:  # nobody is remembered who waits for nothing
                del self._jobs[key]
                self._passes.pop(key, None)

    def _wait(self, job: Job) -> None:
        visit = self._known[job].visit
        own = self._waiting.setdefault(visit.address, OrderedDict())
        own.setdefault(visit.visitor, []).append(job)

    def _remove(self, job: Job) -> None:
        visit = self._known[job].visit
        own = self._waiting[visit.address]
        own[visit.visitor].remove(job)
        if not own[visit.visitor]:
            del own[visit.visitor]
        if not own:
            del self._waiting[visit.address]
