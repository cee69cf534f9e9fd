"""How far a long command is: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from .say import say

EVERY: Final = 30.0  # seconds between two lines of a log
Clock = Callable[[], float]


class Bar(Protocol):
    """Called with how much is done and how much there is, and more to show beside it."""

    def __call__(self, done: int, total: int, detail: str = "") -> None:
        """Show it."""


class Pace:
    """How long the rest takes at the pace of the last updates.

    What was done before the start is not counted, and pictures that were skipped are soon
    forgotten. A count that falls starts over: the next batch of one that counts each by itself.
    """

    WINDOW: Final = 32  # updates

    def __init__(self, clock: Clock = time.monotonic, before: int = 0) -> None:
        self._clock = clock
        self._seen = deque([(clock(), before)], self.WINDOW + 1)

    def left(self, done: int, total: int) -> str:
        """The time left, as text; nothing before something is done."""
        now = self._clock()
        if done < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, done))
        start, before = self._seen[0]
        if done == before:
            return ""
        return f"about {duration((total - done) * (now - start) / (done - before))} left"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@contextmanager
def bars() -> Iterator[Callable[..., Bar]]:
    """Bars on stderr, by label and unit; one is shown once there is something to wait for.

    `before` counts what was done before this command began. Where stderr is not a terminal, a
    line is printed every half minute.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield log_lines
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}{task.fields[rest]}"),
    )
    shown = Progress(*columns, console=console, transient=True)

    def bar(label: str, unit: str = "pictures", before: int = 0) -> Bar:
        pace = Pace(before=before)
        task = shown.add_task(label, total=None, visible=False, unit=unit, rest="")

        def update(done: int, total: int, detail: str = "") -> None:
            rest = "".join(f", {text}" for text in (detail, pace.left(done, total)) if text)
            shown.update(task, completed=done, total=max(done, total), visible=total > 1, rest=rest)

        return update

    with shown:
        yield bar


def continued(bar: Callable[..., Bar], label: str) -> Callable[[int, int], None]:
    """A bar that begins where the first update says that the work was left."""
    shown: list[Bar] = []

    def update(done: int, total: int) -> None:
        if not shown:
            shown.append(bar(label, before=done))
        shown[0](done, total)

    return update


def log_lines(
    label: str, unit: str = "pictures", before: int = 0, clock: Clock = time.monotonic
) -> Bar:
    """A bar of lines: one every half minute, none for what takes less."""
    pace, last = Pace(clock, before), clock()

    def update(done: int, total: int, detail: str = "") -> None:
        nonlocal last
        if clock() - last < EVERY or done >= total:
            return
        last = clock()
        rest = "".join(f", {text}" for text in (detail, pace.left(done, total)) if text)
        say(f"{label}: {done:,} of {total:,} {unit}{rest}", err=True)

    return update
