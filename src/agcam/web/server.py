"""Uvicorn with our connections, stopping within seconds and with a message."""

from __future__ import annotations

import asyncio
import logging
from socket import socket
from types import FrameType
from typing import Any, Final

import uvicorn

from .connections import HEAD_BYTES, protocol
from .work_queue import WorkQueue

STOPPING_SECONDS: Final = 2  # for answers that are on their way


class _Server(uvicorn.Server):
    """Uvicorn, but work is given up as soon as the server is to stop."""

    def __init__(self, config: uvicorn.Config, queue: WorkQueue) -> None:
        super().__init__(config)
        self._queue = queue
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # about pages still open
        if self._loop is not None:  # in the loop: here the queue may be locked
            self._loop.call_soon_threadsafe(self._queue.close)
        super().handle_exit(sig, frame)


def run(app: Any, listener: socket) -> None:
    """Serve until a signal comes; it is raised again at the end."""
    config = uvicorn.Config(
        app,
        http=protocol(app.state.uploads.limits),
        log_level="error",
        server_header=False,
        access_log=False,
        proxy_headers=False,  # anybody could write them
        ws="none",
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=STOPPING_SECONDS,  # open pages keep their connections
    )
    _Server(config, app.state.queue).run(sockets=[listener])
