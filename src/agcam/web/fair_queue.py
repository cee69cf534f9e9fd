"""Whose time slice is next: addresses in turn, their visitors in turn, long jobs last."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..errors import BusyError, VisitorBusyError
from .context import RequestContext
from .limits import Limits

Job = TypeVar("Job")
LONG: Final = 4.0  # seconds of work after which other jobs of the same visitor go first
_Owner = tuple[str, ...]  # (address,) or (address, visitor)


@dataclass
class _Entry:
    request: RequestContext
    passes: float
    number: int  # in the order of arrival
    worked: float = 0.0  # seconds

    @property
    def rank(self) -> tuple[int, int]:
        """Among a visitor's jobs: in order of arrival, but long ones after the others."""
        return int(self.worked // LONG), self.number


class FairQueue(Generic[Job]):
    """Jobs that wait or are in work, and how many each visitor has; used under a lock.

    A job is added once, taken and put back for every time slice, and removed once. One job of an
    address is in work at a time, so that no address holds all workers. A visitor's jobs go in
    order, but one that has taken long waits for those that have not: a short request passes it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: OrderedDict[str, OrderedDict[str, list[Job]]] = OrderedDict()
        self._in_work: set[str] = set()  # addresses
        self._entries: dict[Job, _Entry] = {}
        self._arrived = 0
        self._jobs: defaultdict[_Owner, int] = defaultdict(int)
        self._passes: defaultdict[_Owner, float] = defaultdict(float)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def waiting(self) -> list[Job]:
        """Every job that is not in work right now."""
        return [job for own in self._waiting.values() for jobs in own.values() for job in jobs]

    def add(self, job: Job, request: RequestContext, passes: float) -> None:
        """Let a job wait; raises BusyError or VisitorBusyError where too many do."""
        limits, (address, visitor) = self._limits, _owners(request)
        if len(self) >= limits.working + limits.waiting:
            raise BusyError("the server is busy with other pictures; try again in a moment.")
        if (
            self._jobs[visitor] >= limits.visitor_waiting
            or self._jobs[address] >= limits.address_waiting
            or 0 < self._passes[visitor] > limits.visitor_passes - passes
        ):
            raise VisitorBusyError(
                f"{self._jobs[visitor]} requests of yours are not answered yet; wait for an answer "
                "before you send more."
            )
        self._arrived += 1
        self._entries[job] = _Entry(request, passes, self._arrived)
        self._count(request, 1, passes)
        self._enqueue(job)

    def take(self) -> Job | None:
        """The next job; its visitor and address then wait for all others."""
        address = next((each for each in self._waiting if each not in self._in_work), None)
        if address is None:
            return None
        visitor, jobs = next(iter(self._waiting[address].items()))
        job = min(jobs, key=lambda each: self._entries[each].rank)
        self._waiting[address].move_to_end(visitor)
        self._waiting.move_to_end(address)
        self._dequeue(job)
        self._in_work.add(address)
        return job

    def put_back(self, job: Job, seconds: float) -> None:
        """Let a job that was in work for some seconds wait for its next time slice."""
        entry = self._entries[job]
        entry.worked += seconds
        self._in_work.discard(entry.request.address)
        self._enqueue(job)

    def remove(self, job: Job, waits: bool = False) -> None:
        """Forget a job that was in work, or one that `waits`."""
        entry = self._entries[job]
        if waits:
            self._dequeue(job)
        else:
            self._in_work.discard(entry.request.address)
        del self._entries[job]
        self._count(entry.request, -1, -entry.passes)

    def _count(self, request: RequestContext, jobs: int, passes: float) -> None:
        owners = _owners(request)
        self._passes[owners[1]] += passes
        for owner in owners:
            self._jobs[owner] += jobs
            if not self._jobs[owner]:  # those who wait for nothing are not remembered
                del self._jobs[owner]
                self._passes.pop(owner, None)

    def _enqueue(self, job: Job) -> None:
        request = self._entries[job].request
        own = self._waiting.setdefault(request.address, OrderedDict())
        own.setdefault(request.visitor, []).append(job)

    def _dequeue(self, job: Job) -> None:
        request = self._entries[job].request
        own = self._waiting[request.address]
        own[request.visitor].remove(job)
        if not own[request.visitor]:
            del own[request.visitor]
        if not own:
            del self._waiting[request.address]


def _owners(request: RequestContext) -> tuple[_Owner, _Owner]:
    return (request.address,), (request.address, request.visitor)
