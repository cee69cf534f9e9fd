"""Connections: how many, from whom, and how long one may be silent. Below the application."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .context import LINGER_BYTES, LINGER_SECONDS, RequestContext
from .limits import Limits
from .refusals import refusal

HEAD_BYTES: Final = 16_000
BUSY: Final = "too many connections are open; try again in a moment."
MALFORMED: Final = "this is not a request of HTTP/1.1."
LATE: Final = (
    "the request did not arrive within {:.0f} seconds, or its body within {:.0f}, with no pause of "
    "{:.0f}."
)


class Connection(H11Protocol):
    """Uvicorn's protocol, with deadlines, refusals in JSON, and an end to what is not read."""

    limits: Limits

    def connection_made(self, transport: Any) -> None:
        """A client connects; where there are too many, a silent one is closed for it."""
        self.last_data = time.monotonic()
        self.is_over, self._dropped = False, 0  # bytes that arrived after a refusal
        self._deadline: asyncio.TimerHandle | None = None
        self._receiving: Any = None  # the request whose body is arriving, until `_body_end`
        self._body_end = 0.0
        super().connection_made(transport)
        self._expect(self.limits.head_seconds, self._refuse_late)
        if not self._finds_room():
            refused = [each for each in self._all() if each.is_over]
            if len(refused) < self.limits.connections:
                self._refuse(503, BUSY)
            else:
                self.drop()  # those that were refused are open for a moment, but not without end

    def _all(self) -> list[Connection]:
        return [each for each in self.connections if isinstance(each, Connection)]

    def _finds_room(self) -> bool:
        """Whether there may be one more connection; the longest silent one is closed for it."""
        others = [each for each in self._all() if each is not self and not each.is_over]
        own = [each for each in others if each.address == self.address]
        crowd = own if len(own) >= self.limits.address_connections else others
        if crowd is others and len(others) < self.limits.connections:
            return True
        idle = [each for each in crowd if not each.is_served]
        if idle:
            min(idle, key=lambda each: each.last_data).drop()
        return bool(idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ends."""
        self._expect()
        super().connection_lost(exc)

    @property
    def address(self) -> str:
        """Where it comes from."""
        return self.client[0] if self.client else ""

    @property
    def is_answered(self) -> bool:
        """Whether no request of it is being answered."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_served(self) -> bool:
        """Whether a client waits for work that is being done."""
        request = self.scope["state"].get("context") if self.scope else None
        return isinstance(request, RequestContext) and request.working

    def data_received(self, data: bytes) -> None:
        """Data arrives."""
        self.last_data = time.monotonic()
        if self.is_over:
            self._dropped += len(data)
            if self._dropped > LINGER_BYTES:
                self.drop()
            return
        super().data_received(data)
        self._await_client()

    def on_response_complete(self) -> None:
        """A request was answered; the next one may have begun to arrive."""
        super().on_response_complete()
        self._await_client()

    def pause_writing(self) -> None:
        """The client does not read."""
        super().pause_writing()
        self._expect(self.limits.unread_seconds, self.drop)

    def resume_writing(self) -> None:
        """The client reads on."""
        self.last_data = time.monotonic()
        super().resume_writing()
        self._await_client()

    def send_400_response(self, msg: str) -> None:
        """What arrived is not a request."""
        del msg
        self._refuse(400, MALFORMED)

    def drop(self) -> None:
        """Close at once; neither we nor the system keep what was not sent yet."""
        self.is_over = True
        place = self.transport.get_extra_info("socket")
        if place is not None:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _await_client(self) -> None:
        """Set a deadline for what the client does next: the rest of a head, more of a body."""
        limits, now = self.limits, self.loop.time()
        if self.is_over or self.flow.write_paused:
            return
        if self.conn.their_state is h11.SEND_BODY:
            if self._receiving is not self.cycle:
                self._receiving, self._body_end = self.cycle, now + limits.upload_seconds
            self._expect(min(limits.silent_seconds, self._body_end - now), self._refuse_late)
        elif not (self.is_answered and self.conn.trailing_data[0]):
            self._expect()
        elif self._deadline is None:
            self._expect(limits.head_seconds, self._refuse_late)

    def _expect(self, seconds: float = 0, otherwise: Callable[[], None] | None = None) -> None:
        """The client has so many seconds for what it does next; by default, for ever."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = otherwise and self.loop.call_later(seconds, otherwise)

    def _refuse_late(self) -> None:
        limits = self.limits
        times = limits.head_seconds, limits.upload_seconds, limits.silent_seconds
        self._refuse(408, LATE.format(*times))

    def _refuse(self, status: int, text: str) -> None:
        answer = refusal(status, text)
        headers = [*answer.raw_headers, (b"connection", b"close")]
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            head = h11.Response(status_code=status, headers=headers)
            for event in (head, h11.Data(data=bytes(answer.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        if not self.is_answered:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.is_over = True  # closed a little later: at once, what still comes would reset it
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._expect(LINGER_SECONDS, self.transport.abort)


def protocol(limits: Limits) -> type[Connection]:
    """The class of a server's connections."""
    return type("Connection", (Connection,), {"limits": limits})
