"""Progress bars for what takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Bar = Callable[[int, int], None]
"""Called with how much is done and how much there is."""


@contextmanager
def bars() -> Iterator[Callable[[str], Bar]]:
    """Bars on stderr by their labels; one is shown once there is something to wait for."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining()
    shown = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def bar(label: str) -> Bar:
        task = shown.add_task(label, total=None, visible=False)
        return lambda done, total: shown.update(
            task, completed=done, total=max(done, total), visible=total > 1
        )

    with shown:
        yield bar
