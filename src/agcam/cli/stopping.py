"""Ctrl+C and SIGTERM: every command ends soon, with one line on how to continue.

The first signal raises `Stopped` in the main thread, so that what is open is restored and closed.
Python can do so only between two of its own steps, and one pass of a large model may be a single
step of minutes; nor is it certain that a library lets the exception through. So a thread, which the
system wakes by a pipe, ends the process itself if it still runs after GRACE seconds. That loses
nothing: files are renamed when they are complete, and a store keeps every finished shard.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

GRACE: Final = 3.0  # seconds
SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _State:
    advice: str = "every file that was written is complete; run the same command again"
    reported: bool = False
    caught: list[int] = field(default_factory=list)  # the signals that came, in order


_state: Final = _State()  # a process is one command


class Stopped(KeyboardInterrupt):
    """Ctrl+C or SIGTERM came; cleaned up after as after any KeyboardInterrupt."""


def advise(text: str) -> None:
    """Set how the one line continues if this command is stopped from here on."""
    _state.advice = text


def stopped() -> int | None:
    """Print the one line, once, and return the exit status (130 or 143) if a signal came."""
    if not _state.caught:
        return None
    if not _state.reported:
        _state.reported = True
        line = f"agcam: stopped; {_state.advice}\n"
        with suppress(OSError, ValueError):  # nobody may be reading any more
            os.write(sys.stderr.fileno(), line.encode(errors="replace"))
    return 128 + _state.caught[0]


def install() -> None:
    """Handle both signals from now on. Only in the main thread, and not if they are ignored."""
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
    """End the process now if a signal came; everything is restored and closed.

    Python's own shutdown takes seconds once torch is loaded, more on a busy machine, and the thread
    that ends the process after GRACE seconds no longer runs meanwhile.
    """
    status = stopped()
    if status is not None:
        _end_workers()
        with suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(status)


def _stop(number: int, frame: Any) -> None:
    del frame
    first = not _state.caught
    _state.caught.append(number)
    if first:  # later ones would only interrupt the restoring
        raise Stopped


def _watch(woken: int) -> None:
    """Wait for a signal, which the system itself writes to the pipe; then for GRACE seconds."""
    while (number := os.read(woken, 1)[0]) not in SIGNALS:
        pass
    time.sleep(GRACE)
    _end_workers()
    if not _state.caught:  # Python has not come to its own handler
        _state.caught.append(number)
    os._exit(stopped() or 128 + number)


def _end_workers() -> None:
    """Kill this process's children; those of others end by themselves with it."""
    module = sys.modules.get("multiprocessing")
    for process in module.active_children() if module is not None else ():
        process.kill()
