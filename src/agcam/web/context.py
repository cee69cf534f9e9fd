"""The request that is being answered: whose it is, what it holds, whether somebody still waits.

Plain ASGI: the outermost layer of the application. Every failure below becomes JSON here.
"""

from __future__ import annotations

import asyncio
import logging
import re
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import BusyError
from .bodies import Body
from .limits import Limits

COOKIE: Final = "agcam_visitor"
VISITOR: Final = re.compile(r"[\w-]{32}")
FAILED: Final = "something went wrong in the server; its log has the details."
LINGER_SECONDS: Final = 1.0
LINGER_BYTES: Final = 1_000_000
STOPPING: Final = "the server is stopping; try again when it is back."
log = logging.getLogger("agcam.web")


class MemoryBudget:
    """Bytes that all requests in progress may hold together; used in the event loop only."""

    def __init__(self, limit: float) -> None:
        self.limit, self.held = limit, 0

    def take(self, count: int) -> None:
        """Count bytes as held; raises BusyError where they do not fit."""
        if self.held + count > self.limit:
            raise BusyError("the server holds as many pictures as it can; try again in a moment.")
        self.held += count

    def give_back(self, count: int) -> None:
        """Count bytes as free again."""
        self.held -= count


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
        self._budget.take(count)
        self._held += count

    def release(self) -> None:
        """Give back all bytes held."""
        self._budget.give_back(self._held)
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
    try:
        morsel = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None and VISITOR.fullmatch(morsel.value) else ""


class RequestMiddleware:
    """ASGI middleware: gives every request its context, and every failure an answer in JSON."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app, self.limits = app, limits
        self.budget = MemoryBudget(limits.held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; protocols other than HTTP get no answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        address = (scope.get("client") or ("",))[0]
        request = RequestContext(address, visitor_of(scope), receive, self.budget)
        scope.setdefault("state", {})["context"] = request
        current.set(request)
        body = Body(scope, receive, self.limits, request.hold)
        answer = _Answer(send, body)
        try:
            await self.app(scope, body.receive, answer.send)
        except ClientDisconnect:
            pass
        except asyncio.CancelledError:
            await answer.fail(503, STOPPING)
        except Exception:
            log.exception("%s %s", scope["method"], ascii(scope["path"]))
            await answer.fail(500, FAILED)
        finally:
            request.release()


class _Answer:
    """Passes an answer on; one that is sent before the body was read ends the connection."""

    def __init__(self, send: Send, body: Body) -> None:
        self._send, self._body = send, body
        self._started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            if self._body.is_unread:
                kept = [pair for pair in message["headers"] if pair[0].lower() != b"connection"]
                message = {**message, "headers": [*kept, (b"connection", b"close")]}
        elif self._body.is_unread and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._body.drain(LINGER_SECONDS, LINGER_BYTES)
            message = {"type": "http.response.body"}
        await self._send(message)

    async def fail(self, status: int, text: str) -> None:
        """Answer with an error, unless an answer has begun."""
        if not self._started:
            headers = {"retry-after": "5"} if status == 503 else {}
            answer = JSONResponse({"error": text}, status, headers=headers)
            await answer({"type": "http"}, self._body.receive, self.send)
