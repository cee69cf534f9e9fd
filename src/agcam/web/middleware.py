"""Around every request: its context, what a browser may do, and an answer in JSON if all fails.

Plain ASGI, the outermost layer of the application.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .bodies import Body
from .context import (
    LINGER_BYTES,
    LINGER_SECONDS,
    STOPPING,
    MemoryBudget,
    RequestContext,
    current,
    visitor_of,
)
from .limits import Limits
from .security import Security

COOKIE_PATHS: Final = ("/", "/uploads")  # a program that asks /explain needs none
FAILED: Final = "something went wrong in the server; its log has the details."
log = logging.getLogger("agcam.web")


class Middleware:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, limits: Limits, security: Security) -> None:
        self.app, self.limits, self.security = app, limits, security
        self.budget = MemoryBudget(limits.held_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; protocols other than HTTP get no answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        address, visitor = (scope.get("client") or ("",))[0], visitor_of(scope)
        named = not visitor and scope["path"] in COOKIE_PATHS
        name = secrets.token_urlsafe(24) if named else visitor
        request = RequestContext(address, visitor, receive, self.budget)
        scope.setdefault("state", {}).update(context=request, visitor=name)
        current.set(request)
        body = Body(scope, receive, self.limits, request.hold)
        answer = _Answer(send, body, self.security.headers(scope, name if named else None))
        try:
            app = self.security.refusal(scope) or self.app
            await app(scope, body.receive, answer.send)
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
    """Passes an answer on with our headers; one before the body was read ends the connection."""

    def __init__(self, send: Send, body: Body, headers: dict[str, str]) -> None:
        self._send, self._body, self._headers = send, body, headers
        self._started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            message = {**message, "headers": self._headers_of(message)}
        elif self._body.is_unread and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._body.drain(LINGER_SECONDS, LINGER_BYTES)
            message = {"type": "http.response.body"}
        await self._send(message)

    def _headers_of(self, message: Message) -> list[tuple[bytes, bytes]]:
        """Ours, and those of the answer but for any that lets another site read it."""
        ours = self._headers | ({"connection": "close"} if self._body.is_unread else {})
        given = [(name.decode("latin-1").lower(), value) for name, value in message["headers"]]
        kept = [
            (name.encode("latin-1"), value)
            for name, value in given
            if name not in ours and not name.startswith("access-control-")
        ]
        return [*kept, *((name.encode(), value.encode()) for name, value in ours.items())]

    async def fail(self, status: int, text: str) -> None:
        """Answer with an error, unless an answer has begun."""
        if not self._started:
            headers = {"retry-after": "5"} if status == 503 else {}
            answer = JSONResponse({"error": text}, status, headers=headers)
            await answer({"type": "http"}, self._body.receive, self.send)
