"""Ctrl+C and SIGTERM: every command ends soon, with one line that says how to go on.

The first signal raises `Stopped` in the main thread, so that what is open is put back and closed.
Python can do so only between two of its own steps, and one pass of a large model may be a single
step of minutes; nor is it certain that a library lets the exception through. So a thread, which the
system wakes by a pipe, ends the process itself where it is still there after GRACE seconds. That
loses nothing: files are renamed when they are whole, and a store keeps every finished shard.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import Any, Final

GRACE: Final = 3.0  # seconds
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
USUAL: Final = "every file that was written is whole; the same command starts again"

_advice = USUAL
_unsaid = True
_caught: list[int] = []  # the signals that have come, the first one first


class Stopped(KeyboardInterrupt):
    """Ctrl+C or SIGTERM has come; cleaned up after as after any KeyboardInterrupt."""


def advise(words: str) -> None:
    """What the one line says about going on, if this command is stopped from here on."""
    global _advice  # noqa: PLW0603  a process is one command
    _advice = words


def stopped() -> int | None:
    """Say the one line, once, and give the exit status (130 or 143) if a signal has come."""
    global _unsaid  # noqa: PLW0603
    if not _caught:
        return None
    if _unsaid:
        _unsaid = False
        with suppress(OSError, ValueError):  # nobody may be listening any more
            os.write(sys.stderr.fileno(), f"agcam: stopped; {_advice}\n".encode(errors="replace"))
    return 128 + _caught[0]


def install() -> None:
    """Answer both signals from now on. Only in the main thread, and not where they are ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # `nohup`, `&` of some shells
            signal.signal(number, _stop)
    if not hasattr(os, "set_blocking") or os.name == "nt":
        return  # the wakeup pipe is a socket there
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(woken,), daemon=True).start()


def end() -> None:
    """End the process now if a signal has come and everything is put back and closed.

    The end of Python itself takes seconds where torch is loaded, more on a busy machine, and from
    its beginning on the thread that ends the process after GRACE seconds does not run any more.
    """
    status = stopped()
    if status is not None:
        _end_workers()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(status)


def _stop(number: int, frame: Any) -> None:
    del frame
    first = not _caught
    _caught.append(number)
    if first:  # later ones would only interrupt the putting back
        raise Stopped


def _watch(woken: int) -> None:
    """Wait for a signal, which the system itself writes to the pipe; then for GRACE seconds."""
    while (number := os.read(woken, 1)[0]) not in SIGNALS:
        pass
    time.sleep(GRACE)
    _end_workers()
    if not _caught:  # Python has not come to its own handler
        _caught.append(number)
    os._exit(stopped() or 128 + number)


def _end_workers() -> None:
    """Kill the processes of our own; others' end by themselves when this one does."""
    module = sys.modules.get("multiprocessing")
    for process in module.active_children() if module is not None else ():
        process.kill()
