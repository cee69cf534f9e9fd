"""What runs in a worker's process: shards in, rows out, and an end when the driver ends.

A worker never outlives its driver, whatever ended it. A thread waits on the pipe that
multiprocessing keeps to the parent, which the system closes when the parent is gone. On Linux the
kernel is asked as well: a thread cannot run while an extension holds Python's lock.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Final

from ..errors import AgcamError, RunError
from .engine import Start, Work

PR_SET_PDEATHSIG: Final = 1


class RemoteError(Exception):
    """Where a worker's error was raised, as the cause of the error in the driver."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def serve_shards(connection: Connection, start: Start, by_kernel: bool) -> None:
    """Answer shards with (rows, None) or (None, error) until the driver hangs up."""
    end_with_parent(by_kernel)
    work: Work | None = None
    with suppress(EOFError, OSError):  # the driver is gone
        while (shard := connection.recv()) is not None:
            try:
                work = work or start()
                answer: Any = work(shard), None
            except Exception as error:
                answer = None, _portable(error)
            connection.send_bytes(pickle.dumps(answer))


def end_with_parent(by_kernel: bool) -> None:
    """Kill this process when its parent has died.

    `by_kernel` asks the kernel too: only right if the parent's main thread started this process,
    because Linux counts the end of the starting *thread* as the parent's death.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if by_kernel and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_outlive, args=(parent,), daemon=True).start()


def _outlive(parent: Any) -> None:
    parent.join()
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _portable(error: Exception) -> Exception:
    """The error as the driver can have it; one that cannot be sent becomes a RunError."""
    where = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    with suppress(Exception):  # pickling runs the error's own code
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error if isinstance(error, AgcamError) else _TracedError(error, where)
    return RunError(f"a worker failed with {type(error).__name__}: {error}")


class _TracedError(Exception):
    """An error and the text of its traceback; what comes out of a pipe is the error itself."""

    def __init__(self, error: Exception, where: str) -> None:
        super().__init__(error, where)

    def __reduce__(self) -> tuple[Any, ...]:
        return _caused, self.args


def _caused(error: Exception, where: str) -> Exception:
    error.__cause__ = RemoteError(where)
    return error
