"""Connections: how many, from whom, and how long one may be silent. Below the application."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .context import LINGER_BYTES, LINGER_SECONDS, RequestContext
from .limits import Limits

HEAD_BYTES: Final = 16_000
BUSY: Final = "too many connections are open; try again in a moment."
MALFORMED: Final = "this is not a request of HTTP/1.1."
LATE: Final = "the request did not arrive within {:.0f} seconds."


class Connections:
    """The open connections of a server, by address; where there are too many, silent ones close."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: dict[Connection, str] = {}

    def admit(self, connection: Connection, address: str) -> bool:
        """Count a new connection; a silent one may be closed for it. False where none is silent."""
        own = [each for each, theirs in self._open.items() if theirs == address]
        limits = self._limits
        crowd = own if len(own) >= limits.address_connections else list(self._open)
        if len(own) >= limits.address_connections or len(crowd) >= limits.connections:
            idle = [each for each in crowd if not each.is_served]
            if not idle:
                return False
            longest = min(idle, key=lambda each: each.last_data)
            self.leave(longest)
            longest.drop()
        self._open[connection] = address
        return True

    def leave(self, connection: Connection) -> None:
        """Forget a connection."""
        self._open.pop(connection, None)

    def __len__(self) -> int:
        return len(self._open)


class Connection(H11Protocol):
    """Uvicorn's protocol, with deadlines, refusals in JSON, and an end to what is not read."""

    limits: Limits
    table: Connections

    def connection_made(self, transport: Any) -> None:
        """A client connects."""
        self.last_data = time.monotonic()
        self._refused, self._dropped = False, 0  # bytes that arrived after a refusal
        self._head: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        super().connection_made(transport)
        if not self.table.admit(self, self.client[0] if self.client else ""):
            self._refuse(503, BUSY)
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ends."""
        self.table.leave(self)
        for timer in (self._head, self._unread):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    @property
    def is_served(self) -> bool:
        """Whether a client waits for work that is being done."""
        request = self.scope["state"].get("context") if self.scope else None
        answered = self.cycle is None or self.cycle.response_complete
        return not answered and isinstance(request, RequestContext) and request.working

    def data_received(self, data: bytes) -> None:
        """Data arrives."""
        self.last_data = time.monotonic()
        if self._refused:
            self._dropped += len(data)
            if self._dropped > LINGER_BYTES:
                self.drop()
            return
        before = self.cycle
        if self._head is None and (before is None or before.response_complete):
            self._await_head()
        super().data_received(data)
        if self.cycle is not before and self._head is not None:
            self._head.cancel()
            self._head = None

    def on_response_complete(self) -> None:
        """A request was answered; the next one may have begun to arrive."""
        super().on_response_complete()
        if self.conn.trailing_data[0] and self._head is None and self.cycle.response_complete:
            self._await_head()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.limits.unread_seconds, self.drop)

    def resume_writing(self) -> None:
        """The client reads on."""
        self.last_data = time.monotonic()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What arrived is not a request."""
        del msg
        self._refuse(400, MALFORMED)

    def drop(self) -> None:
        """Close at once; neither we nor the system keep what was not sent yet."""
        place = self.transport.get_extra_info("socket")
        if place is not None:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _await_head(self) -> None:
        self._head = self.loop.call_later(self.limits.head_seconds, self._late)

    def _late(self) -> None:
        self._head = None
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(408, LATE.format(self.limits.head_seconds))

    def _refuse(self, status: int, text: str) -> None:
        body = json.dumps({"error": text}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        headers += [("connection", "close"), *([("retry-after", "5")] if status == 503 else [])]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            for event in (
                h11.Response(status_code=status, headers=headers),
                h11.Data(data=body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self._refused = True  # closed a little later: at once, what still comes would reset it
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


def protocol(limits: Limits) -> type[Connection]:
    """The class of a server's connections, which share one table."""
    return type("Connection", (Connection,), {"limits": limits, "table": Connections(limits)})
