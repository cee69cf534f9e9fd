"""Uvicorn with our connections, and an end that comes soon and in words."""

from __future__ import annotations

import asyncio
import logging
from socket import socket
from types import FrameType
from typing import Any, Final

import uvicorn

from .connections import HEAD_BYTES, protocol
from .gate import Gate

ENDING: Final = 2  # seconds for answers that are on their way


class _Server(uvicorn.Server):
    """Uvicorn, but work is given up as soon as the server is to end."""

    def __init__(self, config: uvicorn.Config, gate: Gate) -> None:
        super().__init__(config)
        self._gate = gate
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # pages that stay open
        if self._loop is not None:  # in the loop: here the gate may be locked
            self._loop.call_soon_threadsafe(self._gate.close)
        super().handle_exit(sig, frame)


def run(app: Any, place: socket) -> None:
    """Serve until a signal comes; it is raised again at the end."""
    config = uvicorn.Config(
        app,
        http=protocol(app.state.desk.limits),
        log_level="error",
        server_header=False,
        access_log=False,
        proxy_headers=False,  # anybody could write them
        ws="none",
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=ENDING,  # open pages keep a connection for ever
    )
    _Server(config, app.state.gate).run(sockets=[place])
