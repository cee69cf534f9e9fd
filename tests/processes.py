"""Real processes of tests: none outlives its test, and all waiting has one generous bound."""

import subprocess
from contextlib import contextmanager

SOON = 20.0
"""Seconds. What ends or answers at all does so within a few on a machine at rest; what hangs does
not within any bound. So a busy machine fails no test, and a hang fails each."""


@contextmanager
def running(command, **options):
    """A process that is killed at the end, however the test went; its pipes are closed."""
    with subprocess.Popen(list(map(str, command)), **options) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
