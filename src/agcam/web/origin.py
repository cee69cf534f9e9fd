"""Where a request may come from: this server's own page, or a program; never another site's page.

Plain ASGI. A page of another site can make a visitor's browser send requests to a server that only
this visitor reaches, and by a name that it lets point here (DNS rebinding) it can even read the
answers. The browser tells: by Fetch Metadata, by Origin, and by the Host that it was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import JSONResponse

from .visits import App, Message, Receive, Scope, Send

HOST: Final = re.compile(r"([\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?")
FORWARDED: Final = re.compile(rb"forwarded|x-forwarded-.*|x-real-ip|x-gradio-server|x-original-.*")
NOT_HERE: Final = (
    "this server does not answer under that name; if a proxy passes requests on to it, start it "
    "with --public-name and the name that visitors use."
)
NO_HOST: Final = "the Host header is not a name or an address."
ELSEWHERE: Final = "a page of another site may not ask this server; open the page of this server."


class Origin:
    """ASGI middleware: refuse other names for a loopback server, and other sites' pages.

    `names` are those under which visitors reach the server, beside its own address. Headers in
    which a proxy, or anybody, tells another address or name are taken away.
    """

    def __init__(self, app: App, names: Collection[str] = ()) -> None:
        self.app, self.names = app, {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            refused = self._refused(scope)
            if refused is not None:
                await refused(scope, receive, send)
                return
            kept = [pair for pair in scope["headers"] if not FORWARDED.fullmatch(pair[0].lower())]
            scope["headers"] = kept
        await self.app(scope, receive, _without_cors(send))

    def _refused(self, scope: Scope) -> JSONResponse | None:
        host = _header(scope, b"host")
        if not HOST.fullmatch(host):
            return JSONResponse({"error": NO_HOST}, 400)
        name = _name_of(host)
        if name not in self.names and _is_loopback(_server(scope)) and not _is_loopback(name):
            return JSONResponse({"error": NOT_HERE}, 403)
        if self._comes_from_elsewhere(scope, host):
            return JSONResponse({"error": ELSEWHERE}, 403)
        return None

    def _comes_from_elsewhere(self, scope: Scope, host: str) -> bool:
        site = _header(scope, b"sec-fetch-site")
        if site in ("same-origin", "none"):
            return False
        if site:  # another site may link to the page, and do nothing else
            mode, path = _header(scope, b"sec-fetch-mode"), scope["path"]
            return not (mode == "navigate" and path == "/" and scope["method"] in ("GET", "HEAD"))
        origin = _header(scope, b"origin")
        if not origin:
            return False  # no browser
        try:
            place = urlsplit(origin).netloc.lower()
        except ValueError:
            return True
        return place != host.lower() and _name_of(place) not in self.names


def _without_cors(send: Send) -> Send:
    """No answer lets another site read it."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [
                pair
                for pair in message.get("headers", [])
                if not pair[0].lower().startswith(b"access-control-")
            ]
            message = {**message, "headers": kept}
        await send(message)

    return sent


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def _server(scope: Scope) -> str:
    return str((scope.get("server") or ("",))[0] or "")


def _name_of(host: str) -> str:
    """A host without its port."""
    return re.sub(r":\d*$", "", host).lower().removesuffix(".")


def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
