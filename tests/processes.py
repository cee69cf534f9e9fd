"""Real processes of tests: none outlives its test, and all waiting has one generous bound."""

import socket
import subprocess
import time
from contextlib import contextmanager

SOON = 20.0
"""Seconds. What ends or answers at all does so within a few on a machine at rest; what hangs does
not within any bound. So a busy machine fails no test, and a hang fails each."""
STARTED = 120.0
"""Seconds for processes to start and to begin their work."""


def until(holds, what, seconds=STARTED):
    """Wait until `holds()`; else the test fails by `what`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.002)


def free_port():
    """A port of this machine on which nothing listens."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        return place.getsockname()[1]


@contextmanager
def running(command, **options):
    """A process that is killed at the end, however the test went; its pipes are closed."""
    with subprocess.Popen(list(map(str, command)), **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
