"""Around every request: its context, what a browser may do, and an answer in JSON if all fails.

Plain ASGI, the outermost layer of the application.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .context import STOPPING, MemoryBudget, RequestContext
from .limits import Limits
from .refusals import refusal
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
        request = RequestContext(scope, receive, self.limits, self.budget)
        named = not request.visitor and scope["path"] in COOKIE_PATHS
        name = secrets.token_urlsafe(24) if named else request.visitor
        scope.setdefault("state", {}).update(context=request, visitor=name)
        answer = _Answer(send, request, self.security.headers(scope, name if named else None))
        try:
            app = self.security.refusal(scope) or self.app
            await app(scope, request.receive, answer.send)
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

    def __init__(self, send: Send, request: RequestContext, headers: dict[str, str]) -> None:
        self._send, self._request, self._headers = send, request, headers
        self._started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._started = True
            headers = MutableHeaders(raw=list(message["headers"]))
            closing = {"connection": "close"} if self._request.is_unread else {}
            headers.update(self._headers | closing)
            message = {**message, "headers": headers.raw}
        elif self._request.is_unread and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._request.drain()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def fail(self, status: int, text: str) -> None:
        """Answer with an error, unless an answer has begun."""
        if not self._started:
            await refusal(status, text)({"type": "http"}, self._request.receive, self.send)
