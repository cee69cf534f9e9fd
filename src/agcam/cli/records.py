"""`agcam report` and `agcam runs`: what a store says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import AgcamError

if TYPE_CHECKING:
    from ..records import Column, Results, Run, Shown

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
    out: Annotated[Path, typer.Option(help="Folder for the page and the exports.")] = Path(
        "report"
    ),
    pictures: Annotated[
        bool, typer.Option(help="Show the best and worst pictures, from the data set itself.")
    ] = True,
) -> None:
    """Write a run's report: one HTML page, and its rows as CSV and Parquet."""
    from ..maps import write_atomically
    from ..records import Store, csv_files, parquet_bytes, read_results, render_report

    with Store(store, create=False) as opened:
        results = read_results(opened, run)
        columns = summary_of(results)
        shown, note = _pictures(results) if pictures else ([], "They were not asked for.")
        write_atomically(out / "report.html", render_report(results, columns, shown, note).encode())
        for name, text in csv_files(opened, results, columns).items():
            write_atomically(out / name, text.encode())
        table = parquet_bytes(opened, results)
    if table is not None:
        write_atomically(out / "rows.parquet", table)
    _print(store, results, columns)
    typer.echo(f"the page is {out / 'report.html'}; rows, failures and means lie beside it")


def _pictures(results: Results) -> tuple[list[Shown], str]:
    """The pictures, or why there are none: the report is written all the same."""
    from ..evaluation.pictures import shown_pictures

    try:
        return shown_pictures(results), ""
    except AgcamError as error:
        return [], f"They could not be made again: {error}"


def summary_of(results: Results) -> list[Column]:
    """The means of a run, numbers of whole sets among them."""
    from ..metrics import SETS
    from ..records import summarize

    return summarize(results, {name: row.summary for name, row in SETS.items()})


def print_summary(path: Path, run: Run) -> None:
    """A run's means in the terminal."""
    from ..records import Store, read_results

    with Store(path, create=False) as store:
        results = read_results(store, run.key)
    _print(path, results, summary_of(results))


def _print(path: Path, results: Results, columns: list[Column]) -> None:
    from ..records import text_tables
    from .table import print_table

    for table in text_tables(columns, results):
        typer.echo(table.title)
        print_table(table.header, table.rows)
    typer.echo(
        f"{len(results.samples)} samples judged, {len(results.failures)} failures; means with 95 % "
        f"bootstrap intervals, * the best; run {results.run.key[:12]} in {path}"
    )
