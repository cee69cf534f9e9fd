"""`agcam report` and `agcam runs`: what a store holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RunError
from .say import say

if TYPE_CHECKING:
    from ..records import Column, Results, Run

File = Annotated[Path, typer.Argument(help="The store that `agcam evaluate --store` made.")]


def runs(store: File) -> None:
    """List the runs of a store."""
    from ..records import Store
    from .table import print_entries

    with Store(store, create=False) as opened:
        print_entries(map(_entry, opened.runs()))
    _refuse(opened.damage.sentence(opened.path))


def _entry(run: Run) -> tuple[tuple[str, ...], tuple[str, ...]]:
    counts = f"{run.done} of {run.shards} shards, {run.samples} samples, {run.failures} failures"
    head = run.key[:12], f"{run.started[:16].replace('T', ' ')} UTC", counts
    stored = run.configuration
    if not stored:
        return head, ("its configuration is damaged",)
    dataset = stored["dataset"]
    about = f"{run.model} on {dataset['name']} ({dataset['samples']} samples)"
    return head, (about, ", ".join(stored["methods"]))


def report(
    store: File,
    run: Annotated[
        str, typer.Argument(help="The run's key or how it begins; without it, the last run.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder for the page and the exports.")] = Path(
        "report"
    ),
    pictures: Annotated[
        bool, typer.Option(help="Show the best and worst pictures of the data set.")
    ] = True,
) -> None:
    """Write a run's report: one HTML page, and its rows as CSV and Parquet."""
    from ..evaluation.outcome import write_report

    written = write_report(store, run, out, pictures=pictures)
    print_summary(store, written.results, written.columns)
    say(f"the page is {written.page}; rows, failures and means lie beside it")
    _refuse(written.damage)


def _refuse(damage: str) -> None:
    if damage:
        raise RunError(damage)


def print_summary(path: Path, results: Results, columns: list[Column]) -> None:
    """A run's means in the terminal."""
    from ..records import text_tables
    from .table import print_table

    for table in text_tables(columns, results):
        say(table.title)
        print_table(table.header, table.rows)
    for note in _fewer(results, columns):
        say(f"note: {note}")
    say(
        f"{len(results.samples)} samples judged, {len(results.failures)} failures; means with 95 % "
        f"bootstrap intervals, * the best; run {results.run.key[:12]} in {path}"
    )


def _fewer(results: Results, columns: list[Column]) -> Iterator[str]:
    """Which metrics judged fewer samples than there are, and why."""
    every, named = len(results.samples), defaultdict[str, list[str]](list)
    for column in columns:
        most = max((found.number for found in column.means.values()), default=0)
        right = results.metrics[column.metric].get("right_only")
        why = "predicted correctly" if right else "with what they need"
        if most < every:
            named[f"{most or 'none'} of {every} samples, those {why}"].append(column.metric)
    for text, names in named.items():
        yield f"{', '.join(names)} judge{'s' * (len(names) == 1)} {text}"
