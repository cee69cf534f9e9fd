"""A bar for methods that ask the model about many pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def asking(label: str) -> Iterator[Callable[[int, int], None]]:
    """A callback (done, total) that shows a bar on stderr, once there is something to wait for."""
    from rich.console import Console
    from rich.progress import BarColumn as Bar
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(label), Bar(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task(label, total=None, visible=False)
    with bar:
        yield lambda done, total: bar.update(
            task, completed=done, total=max(done, total), visible=total > 1
        )
