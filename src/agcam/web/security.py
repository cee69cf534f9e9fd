"""What a browser may do with this server: whose pages may call it, and what its own page may do.

A page of another site can make a visitor's browser send requests to a server that only
this visitor reaches; by a name that it points here (DNS rebinding) it can even read the answers.
The browser gives it away in three headers: Sec-Fetch-Site, Origin, and Host.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Scope

from ..viewer import policy
from .context import COOKIE
from .refusals import refusal

HOST: Final = re.compile(r"([\w.-]{1,253}|\[[0-9a-fA-F:.]{2,45}\])(:\d{1,5})?")
POLICY: Final = (  # the page can call nobody but its own server
    f"default-src 'none'; {policy()}; connect-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
HEADERS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
UNKNOWN_NAME: Final = (
    "this server does not answer under that name; if a proxy passes requests on to it, start it "
    "with --public-name and the name that visitors use."
)
NO_HOST: Final = "the Host header is not a name or an address."
OTHER_SITE: Final = "a page of another site may not use this server; open the page of this server."


class Security:
    """Refuses other sites; cookie and headers of every answer.

    `names` are those under which visitors reach the server, beside its own address. `frames` are
    origins whose pages may show this one in a frame; then the cookie needs HTTPS.
    """

    def __init__(self, names: Collection[str] = (), frames: Collection[str] = ()) -> None:
        self.names = {name.lower() for name in names}
        self._headers = {**HEADERS, "content-security-policy": " ".join((POLICY, *frames))}
        self._cookie = "SameSite=None; Secure; Partitioned" if frames else "SameSite=Lax"

    def headers(self, scope: Scope, cookie: str | None) -> dict[str, str]:
        """The headers of an answer, with a cookie for a new visitor."""
        static = scope["path"].startswith("/static/")
        ours = {**self._headers, "cache-control": "no-cache" if static else "no-store"}
        if cookie is not None:
            ours["set-cookie"] = f"{COOKIE}={cookie}; Path=/; HttpOnly; {self._cookie}"
        return ours

    def refusal(self, scope: Scope) -> JSONResponse | None:
        """Why a request is not answered, if it is not."""
        host = Headers(scope=scope).get("host", "")
        if not HOST.fullmatch(host):
            return refusal(400, NO_HOST)
        name, own = _name_of(host), str((scope.get("server") or ("",))[0] or "")
        if name not in self.names and _is_loopback(own) and not _is_loopback(name):
            return refusal(403, UNKNOWN_NAME)
        if self._is_from_another_site(scope, host):
            return refusal(403, OTHER_SITE)
        return None

    def _is_from_another_site(self, scope: Scope, host: str) -> bool:
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site")
        if site in ("same-origin", "none"):
            return False
        if site:  # another site may link to the page, and do nothing else
            linked = headers.get("sec-fetch-mode") == "navigate" and scope["path"] == "/"
            return not (linked and scope["method"] in ("GET", "HEAD"))
        origin = headers.get("origin")
        if not origin:
            return False  # not a browser
        try:
            place = urlsplit(origin).netloc.lower()
        except ValueError:
            return True
        return place != host.lower() and _name_of(place) not in self.names


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
