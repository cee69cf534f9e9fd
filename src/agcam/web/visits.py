"""Who is asking, whether they still wait, and how much memory their request holds.

Plain ASGI: the outermost layer of the application. What goes wrong below is told in JSON here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any, Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from ..errors import BusyError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

FAILED: Final = "something went wrong in the server; its log says what."
STOPPING: Final = "the server is stopping; ask again when it is back."
log = logging.getLogger("agcam.web")


class Budget:
    """Bytes that requests under way may hold together; only touched in the event loop."""

    def __init__(self, most: float) -> None:
        self.most, self.held = most, 0

    def take(self, count: int) -> None:
        """Count some bytes as held; raises BusyError where there is no room."""
        if self.held + count > self.most:
            raise BusyError("the server holds as many pictures as it can; try again in a moment.")
        self.held += count

    def give_back(self, count: int) -> None:
        """Count some bytes as free again."""
        self.held -= count


class Visit:
    """One request: whose it is, what it holds, and whether somebody still waits for the answer."""

    def __init__(
        self,
        address: str = "",
        visitor: str = "",
        receive: Receive | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.address, self.visitor = address, visitor
        self.working = False
        self._receive = receive
        self._budget = budget or Budget(float("inf"))
        self._held = 0

    def hold(self, count: int) -> None:
        """Hold some bytes until the request is over; raises BusyError where there is no room."""
        self._budget.take(count)
        self._held += count

    def over(self) -> None:
        """Let go of everything that was held."""
        self._budget.give_back(self._held)
        self._held = 0

    async def left(self) -> None:
        """Return when nobody waits for the answer any more; to be awaited once the body is read."""
        if self._receive is None:
            await asyncio.Event().wait()
            return
        while (await self._receive())["type"] != "http.disconnect":
            pass


current: ContextVar[Visit] = ContextVar("visit")


def visit_now() -> Visit:
    """The request that is being answered; one of nobody outside of any."""
    return current.get(None) or Visit()


class Visits:
    """ASGI middleware: every request is a visit, and every failure an answer in JSON."""

    def __init__(self, app: App, budget: Budget, visitor_of: Callable[[Scope], str]) -> None:
        self.app, self.budget, self.visitor_of = app, budget, visitor_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; other protocols than HTTP are left without an answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        address = (scope.get("client") or ("",))[0]
        visit = Visit(address, self.visitor_of(scope), receive, self.budget)
        scope.setdefault("state", {})["visit"] = visit
        current.set(visit)
        answer = _Answer(scope, receive, send)
        try:
            await self._answered(scope, answer)
        finally:
            visit.over()

    async def _answered(self, scope: Scope, answer: _Answer) -> None:
        try:
            await self.app(scope, answer.receive, answer.send)
        except ClientDisconnect:
            pass  # nobody is there to be told
        except asyncio.CancelledError:
            await answer.failed(503, STOPPING)
        except Exception:
            log.exception("%s %s", scope["method"], ascii(scope["path"]))
            await answer.failed(500, FAILED)


class _Answer:
    """Passes messages on; an answer before the body has come closes the connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"0")
        self._unread = length.strip() not in (b"", b"0") or b"transfer-encoding" in headers
        self._receive, self._send = receive, send
        self._started = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            if self._unread:
                kept = [pair for pair in message["headers"] if pair[0].lower() != b"connection"]
                message = {**message, "headers": [*kept, (b"connection", b"close")]}
        await self._send(message)

    async def failed(self, status: int, words: str) -> None:
        """Tell of a failure, if nothing was told yet."""
        if not self._started:
            headers = {"retry-after": "5"} if status == 503 else {}
            told = JSONResponse({"error": words}, status, headers=headers)
            await told({"type": "http"}, self.receive, self.send)
