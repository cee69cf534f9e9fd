"""`agcam report` and `agcam runs`: what a store says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..records import Run

File = Annotated[Path, typer.Argument(help="The store that `agcam evaluate --store` made.")]


def runs(store: File) -> None:
    """List the runs of a store."""
    from ..records import Store
    from .table import print_table

    with Store(store, create=False) as opened:
        rows = [_line(run) for run in opened.runs()]
    header = ("run", "started", "data set", "model", "methods", "shards", "samples", "failures")
    print_table(header, rows)


def _line(run: Run) -> tuple[str, ...]:
    said = run.configuration
    return (
        run.key[:12],
        run.started,
        f"{said['dataset']['name']} ({said['dataset']['samples']})",
        said["model"]["name"],
        ", ".join(said["methods"]),
        f"{run.done} of {run.shards}",
        str(run.samples),
        str(run.failures),
    )


def report(
    store: File,
    run: Annotated[
        str, typer.Argument(help="The run's name or its beginning; none: the last.")
    ] = "",
) -> None:
    """Write a run's report: one HTML page, and its rows as CSV and Parquet."""
    from ..records import Store

    with Store(store, create=False) as opened:
        print_summary(store, opened.run(run))


def print_summary(path: Path, run: Run) -> None:
    """A run's means in the terminal."""
    from ..records import Store, read_results, text_tables
    from .table import print_table

    with Store(path, create=False) as store:
        results = read_results(store, run.key)
    for table in text_tables(results):
        typer.echo(table.title)
        print_table(table.header, table.rows)
    typer.echo(
        f"{len(results.samples)} samples judged, {len(results.failures)} failures; means with 95 % "
        f"bootstrap intervals, * the best; run {run.key[:12]} in {path}"
    )
