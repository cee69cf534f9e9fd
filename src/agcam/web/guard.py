"""What may reach the page at all, and what every answer says to the browser.

Gradio can do far more than this page needs: keep uploads on disk, hand out files, fetch addresses
that an input names. All of that is behind paths, and shapes of input, that are refused here.
"""

from __future__ import annotations

import json
import logging
import re
import secrets
import sys
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final

import anyio
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from .visits import App, Message, Receive, Scope, Send

log = logging.getLogger("agcam.web")

COOKIE: Final = "agcam_visitor"
EVENT_BYTES: Final = 64_000
VISITOR: Final = re.compile(r"[\w-]{32}")
OWN: Final = re.compile(
    r"/(explain|models|methods|health|openapi\.json|pictures|pictures/[\w-]+/[\w.-]+)"
)
PAGE: Final = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/(assets|static|svelte)/.*"
    r"|/gradio_api/(info/?|app_id/?|theme\.css|startup-events|heartbeat/\w+)"
)
EVENTS: Final = re.compile(r"/gradio_api/(run/predict|cancel|reset)/?")
POLICY: Final = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,  # the page can call nobody but its own server
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guard:
    """ASGI middleware: refuse, or pass on with a visitor's name and the headers above."""

    def __init__(self, app: App, seconds: float) -> None:
        self.app, self.seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        visitor = visitor_of(_header(scope, b"cookie"))
        new = visitor is None
        scope.setdefault("state", {})["visitor"] = visitor = visitor or secrets.token_urlsafe(24)
        answer = _Answer(send, visitor if new and _may_lay(scope) else None, scope["path"])
        refused = _refused(scope)
        if refused is None and EVENTS.fullmatch(scope["path"]):
            try:
                with anyio.fail_after(self.seconds):
                    refused, receive = await _checked(receive)
            except TimeoutError:
                refused = _words(408, f"the event did not arrive in {self.seconds:.0f} seconds.")
        if refused is not None:
            await refused(scope, receive, answer)
            return
        try:
            await self.app(scope, receive, answer)
        except Exception as error:
            if not EVENTS.fullmatch(scope["path"]) or not answer.started:
                raise
            told(error)  # an event that the page never sends; Gradio has answered


class _Answer:
    """Sends an answer with our headers, and the visitor's name if it is a new one."""

    def __init__(self, send: Send, visitor: str | None, path: str) -> None:
        self.send, self.visitor, self.path = send, visitor, path
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = dict(HEADERS)
            if not self.path.startswith(("/assets/", "/static/", "/svelte/")):
                headers["cache-control"] = "no-store"
            if self.visitor is not None:
                headers["set-cookie"] = f"{COOKIE}={self.visitor}; Path=/; HttpOnly; SameSite=Lax"
            kept = [(k, v) for k, v in message["headers"] if k.decode().lower() not in headers]
            new = [(name.encode(), value.encode()) for name, value in headers.items()]
            message = {**message, "headers": [*kept, *new]}
        await self.send(message)


def visitor_of(cookies: str) -> str | None:
    """The visitor's name in a Cookie header, if there is a sound one."""
    try:
        morsel = SimpleCookie(cookies).get(COOKIE)
    except CookieError:
        return None
    return morsel.value if morsel is not None and VISITOR.fullmatch(morsel.value) else None


def told(error: BaseException | None = None) -> None:
    """One line in the log about an event that Gradio made an exception of: anybody can send one."""
    log.warning("an event of the page failed: %s", ascii(error or sys.exc_info()[1])[:200])


def visitor_in(scope: Scope) -> str:
    """The visitor's name in a request, if there is a sound one."""
    return visitor_of(_header(scope, b"cookie")) or ""


def _may_lay(scope: Scope) -> bool:
    return scope["path"] in ("/", "/pictures")


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _refused(scope: Scope) -> JSONResponse | None:
    path, method = scope["path"], scope["method"]
    if ".." in path or not any(kind.fullmatch(path) for kind in (OWN, PAGE, EVENTS)):
        return _words(404, "there is nothing here; the page is at / and the API at /openapi.json.")
    allowed = ("GET", "HEAD") if PAGE.fullmatch(path) else ("GET",)
    if path in ("/explain", "/pictures") or EVENTS.fullmatch(path):
        allowed = ("POST",)
    if method not in allowed:
        named = " or ".join(allowed)
        return _words(405, f"only {named} is for this address.", allow=", ".join(allowed))
    return None


async def _checked(receive: Receive) -> tuple[JSONResponse | None, Receive]:
    """Read an event of the page: short, and words and numbers only, never a file or an address."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > EVENT_BYTES:
            return _words(413, "an event of the page is never that long."), receive
        if not message.get("more_body"):
            break
    try:
        data = json.loads(body or b"{}").get("data") or []
    except (ValueError, AttributeError, RecursionError):
        return _words(400, "an event of the page is a JSON object."), receive
    if not isinstance(data, list) or not all(map(_is_plain, data)):
        return _words(
            400, "inputs are words and numbers; a file or an address is refused."
        ), receive
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return None, again


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str | int | float | None) for item in value)
    return isinstance(value, str | int | float | None)


def _words(status: int, text: str, **headers: str) -> JSONResponse:
    return JSONResponse({"error": text}, status, headers=headers)
