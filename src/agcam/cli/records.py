"""`agcam report` and `agcam runs`: what a store says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ..errors import AgcamError, DamageError, RunError
from .say import say

if TYPE_CHECKING:
    from ..records import Column, Results, Run, Shown, Store

File = Annotated[Path, typer.Argument(help="The store that `agcam evaluate --store` made.")]


def runs(store: File) -> None:
    """List the runs of a store."""
    from ..records import Store
    from .table import print_table

    with Store(store, create=False) as opened:
        rows = [_line(run) for run in opened.runs()]
    header = ("run", "started", "data set", "model", "methods", "shards", "samples", "failures")
    print_table(header, rows)
    _refuse_damage(opened)


def _line(run: Run) -> tuple[str, ...]:
    said = run.configuration
    counts = f"{run.done} of {run.shards}", str(run.samples), str(run.failures)
    if not said:
        return run.key[:12], run.started, "(damaged)", "(damaged)", "(damaged)", *counts
    return (
        run.key[:12],
        run.started,
        f"{said['dataset']['name']} ({said['dataset']['samples']})",
        run.model,
        ", ".join(said["methods"]),
        *counts,
    )


def _refuse_damage(store: Store) -> None:
    """RunError where a part could not be read."""
    damage = store.damage
    if damage.number:
        parts = "a part" if damage.number == 1 else f"{damage.number} parts"
        raise RunError(
            f"{store.path} is damaged: {parts} of it could not be read ({damage.reason}); all else "
            "was"
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
        try:
            with opened.snapshot():
                results = read_results(opened, run)
                found = replace(opened.damage)  # exports would count it again
                columns = summary_of(results)
                texts = csv_files(opened, results, columns)
                table = parquet_bytes(opened, results)
                opened.damage = found
        except DamageError as error:
            _salvage(opened, out, error)
    for name, text in texts.items():
        write_atomically(out / name, text.encode())
    if table is not None:
        write_atomically(out / "rows.parquet", table)
    shown, note = _pictures(results) if pictures else ([], "They were not asked for.")
    write_atomically(out / "report.html", render_report(results, columns, shown, note).encode())
    _print(store, results, columns)
    say(f"the page is {out / 'report.html'}; rows, failures and means lie beside it")
    _refuse_damage(opened)


def _salvage(store: Store, out: Path, error: DamageError) -> NoReturn:
    """Write every row that can be read, and raise what was wrong."""
    from ..maps import write_atomically
    from ..records import salvaged_csv

    text = salvaged_csv(store)
    rows = text.count("\n") - 1
    if not rows:
        raise RunError(f"{error}; no row of it can be read") from error
    write_atomically(out / "salvaged.csv", text.encode())
    raise RunError(f"{error}; the {rows} rows that can be read are in {out / 'salvaged.csv'}")


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
        say(table.title)
        print_table(table.header, table.rows)
    say(
        f"{len(results.samples)} samples judged, {len(results.failures)} failures; means with 95 % "
        f"bootstrap intervals, * the best; run {results.run.key[:12]} in {path}"
    )
