"""One request as it arrives: whose it is, what it holds, whether somebody still waits."""

from __future__ import annotations

import re
from typing import Final

import anyio
from fastapi import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope

from ..errors import BusyError
from .limits import Limits

COOKIE: Final = "agcam_visitor"
VISITOR: Final = re.compile(r"[\w-]{32}")
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 1_000_000
STOPPING: Final = "the server is stopping; try again when it is back."
OVERHEAD: Final = 100_000  # bytes of a request to /explain that are not its picture
SELECTION_BYTES: Final = 64_000


class MemoryBudget:
    """Bytes that all requests in progress may hold together; used in the event loop only."""

    def __init__(self, limit: float) -> None:
        self.limit, self.held = limit, 0


class RequestContext:
    """One request; what has arrived of its body counts as held until it ends.

    A visitor is an address and the name in a cookie ("" without a valid one).
    """

    def __init__(
        self, scope: Scope, receive: Receive, limits: Limits, budget: MemoryBudget
    ) -> None:
        request = HTTPConnection(scope)
        name = request.cookies.get(COOKIE, "")
        self.address = (scope.get("client") or ("",))[0]
        self.visitor = name if VISITOR.fullmatch(name) else ""
        self.working = False  # whether it waits for the work queue
        length = request.headers.get("content-length", "0").strip()
        self.is_unread = length not in ("", "0") or "transfer-encoding" in request.headers
        self._announced, self._arrived, self._held = int(length) if length.isdecimal() else 0, 0, 0
        self._receive, self._budget = receive, budget
        most = limits.upload_bytes
        larger = f"the picture is larger than {most / 1e6:.0f} MB; make it smaller first."
        encoded = most * 4 // 3 if is_json(request) else most
        self._most, self._larger = {
            "/uploads": (most, larger),
            "/explain": (encoded + OVERHEAD, larger),
        }.get(scope["path"], (SELECTION_BYTES, "the request is larger than 64 kB."))

    async def receive(self) -> Message:
        """The next message; raises HTTPException and BusyError for what is too much."""
        message = await self._receive()
        if self.is_unread:
            part = len(message.get("body", b""))
            self._arrived += part
            if max(self._announced, self._arrived) > self._most:
                raise HTTPException(413, self._larger)
            self.hold(part)
            self.is_unread = message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read what still comes, so that the client reads its answer before the connection ends."""
        most = LINGER_BYTES
        with anyio.move_on_after(LINGER_SECONDS):
            while self.is_unread and most > 0:
                message = await self._receive()
                most -= len(message.get("body", b""))
                self.is_unread = message.get("more_body", False)

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
        while (await self._receive())["type"] != "http.disconnect":
            pass


def is_json(request: HTTPConnection) -> bool:
    """Whether a request's body is JSON."""
    kind = request.headers.get("content-type", "").split(";")[0]
    return kind.strip().lower() == "application/json"
