"""The request that is being answered: whose it is, what it holds, whether somebody still waits."""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from typing import Final

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope

from ..errors import BusyError

COOKIE: Final = "agcam_visitor"
VISITOR: Final = re.compile(r"[\w-]{32}")
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 1_000_000
STOPPING: Final = "the server is stopping; try again when it is back."


class MemoryBudget:
    """Bytes that all requests in progress may hold together; used in the event loop only."""

    def __init__(self, limit: float) -> None:
        self.limit, self.held = limit, 0


class RequestContext:
    """One request. A visitor is an address and the name in a cookie ("" without one)."""

    def __init__(
        self,
        address: str = "",
        visitor: str = "",
        receive: Receive | None = None,
        budget: MemoryBudget | None = None,
    ) -> None:
        self.address, self.visitor = address, visitor
        self.working = False  # whether it waits for the work queue
        self._receive = receive
        self._budget = budget or MemoryBudget(float("inf"))
        self._held = 0

    def hold(self, count: int) -> None:
        """Hold bytes until the request ends; raises BusyError where they do not fit."""
        if self._budget.held + count > self._budget.limit:
            raise BusyError("the server holds as many pictures as it can; try again in a moment.")
        self._budget.held += count
        self._held += count

    def release(self) -> None:
        """Give back all bytes held."""
        self._budget.held -= self._held
        self._held = 0

    async def disconnected(self) -> None:
        """Return once the client is gone; await it only after the body was read."""
        if self._receive is None:
            await asyncio.Event().wait()
            return
        while (await self._receive())["type"] != "http.disconnect":
            pass


current: ContextVar[RequestContext] = ContextVar("request")


def current_request() -> RequestContext:
    """The request that is being answered; an anonymous one outside of any."""
    return current.get(None) or RequestContext()


def visitor_of(scope: Scope) -> str:
    """The visitor's name in the request's cookie, "" where there is no valid one."""
    name = HTTPConnection(scope).cookies.get(COOKIE, "")
    return name if VISITOR.fullmatch(name) else ""
