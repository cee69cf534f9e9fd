"""Whose time slice is next: addresses in turn, their visitors in turn, long jobs last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
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
    in_work: bool = False

    @property
    def owners(self) -> tuple[_Owner, _Owner]:
        return (self.request.address,), (self.request.address, self.request.visitor)


class FairQueue(Generic[Job]):
    """Jobs that wait or are in work: a few hundred at most, so everything is found by looking.

    A job is added once, taken and put back for every time slice, and removed once. One job of an
    address is in work at a time, so that no address holds all workers. A visitor's jobs go in
    order, but one that has taken long waits for those that have not: a short request passes it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._entries: dict[Job, _Entry] = {}
        self._last_slice: dict[_Owner, int] = {}  # who came just now is last in the row
        self._clock = count()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def waiting(self) -> list[Job]:
        """Every job that is not in work right now."""
        return [job for job, entry in self._entries.items() if not entry.in_work]

    @property
    def in_work(self) -> list[Job]:
        """Every job that was taken and not put back."""
        return [job for job, entry in self._entries.items() if entry.in_work]

    def add(self, job: Job, request: RequestContext, passes: float) -> None:
        """Let a job wait; raises BusyError or VisitorBusyError where too many do."""
        entry, limits = _Entry(request, passes, next(self._clock)), self._limits
        of_address, of_visitor = (list(self._of(owner)) for owner in entry.owners)
        if len(self) >= limits.working + limits.waiting:
            raise BusyError("the server is busy with other pictures; try again in a moment.")
        if (
            len(of_visitor) >= limits.visitor_waiting
            or len(of_address) >= limits.address_waiting
            or 0 < sum(one.passes for one in of_visitor) > limits.visitor_passes - passes
        ):
            raise VisitorBusyError(
                f"{len(of_visitor)} requests of yours are not answered yet; wait for an answer "
                "before you send more."
            )
        self._entries[job] = entry
        for owner in entry.owners:
            self._last_slice.setdefault(owner, next(self._clock))

    def take(self) -> Job | None:
        """The next job; its visitor and address then wait for all others."""
        busy = {self._entries[job].request.address for job in self.in_work}
        free = [job for job in self.waiting if self._entries[job].request.address not in busy]
        if not free:
            return None
        job = min(free, key=self._rank)
        self._entries[job].in_work = True
        self._last_slice.update((owner, next(self._clock)) for owner in self._entries[job].owners)
        return job

    def put_back(self, job: Job, seconds: float) -> None:
        """Let a job that was in work for some seconds wait for its next time slice."""
        self._entries[job].worked += seconds
        self._entries[job].in_work = False

    def remove(self, job: Job) -> None:
        """Forget a job; those who wait for nothing are not remembered."""
        entry = self._entries.pop(job)
        for owner in entry.owners:
            if next(self._of(owner), None) is None:
                del self._last_slice[owner]

    def _of(self, owner: _Owner) -> Iterator[_Entry]:
        return (entry for entry in self._entries.values() if owner in entry.owners)

    def _rank(self, job: Job) -> tuple[int, int, int, int]:
        entry = self._entries[job]
        address, visitor = (self._last_slice[owner] for owner in entry.owners)
        return address, visitor, int(entry.worked // LONG), entry.number
