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

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # about pages still open
        # in the loop: here the queue may be in the middle of something
        asyncio.get_running_loop().call_soon_threadsafe(self._queue.close)
        super().handle_exit(sig, frame)


def serve(app: Any, listener: socket) -> None:
    """Serve an application until SIGINT or SIGTERM, and 2 seconds more at most.

    Then the signal is raised again, for the handler that was there before.
    """
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
