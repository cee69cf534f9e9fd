"""What runs in a worker's process: shards in, rows out, and an end when the driver ends.

A worker never outlives its driver, whatever ended it. A thread waits for the pipe that
multiprocessing keeps to the parent, which the system closes when the parent is gone. On Linux the
kernel is asked to kill the process as well: a thread cannot run while an extension holds Python's
lock.
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


def serve_shards(connection: Connection, start: Start, by_kernel: bool) -> None:
    """Answer shards with (rows, error, traceback) until the driver hangs up."""
    end_with_parent(by_kernel)
    work: Work | None = None
    with suppress(EOFError, OSError):  # the driver is gone
        while True:
            shard = connection.recv()
            try:
                work = work or start()
                answer: Any = work(shard), None, ""
            except Exception as error:
                answer = None, *_portable(error)
            connection.send_bytes(pickle.dumps(answer))


def end_with_parent(by_kernel: bool) -> None:
    """Kill this process when its parent has died.

    Args:
        by_kernel: Let the kernel do it too. Only right if the parent's main thread started this
            process: Linux takes the end of the starting *thread* for the parent's death.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    if by_kernel and sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    threading.Thread(target=_kill_after, args=(parent,), daemon=True).start()


def _kill_after(parent: Any) -> None:
    parent.join()
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


def _portable(error: Exception) -> tuple[Exception, str]:
    """The error and where it was raised; RunError in place of one that cannot be pickled."""
    with suppress(Exception):  # pickling runs the error's own code
        if type(pickle.loads(pickle.dumps(error))) is type(error):
            return error, "" if isinstance(error, AgcamError) else traceback.format_exc()
    return RunError(f"a worker failed with {type(error).__name__}: {error}"), ""
