"""A run as its store has it: rows, summary, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from ..errors import AgcamError, DamageError, RunError
from ..maps import write_atomically
from ..metrics import METRICS
from ..records import (
    COLUMNS,
    Column,
    Results,
    Run,
    Store,
    csv_files,
    exported_rows,
    parquet_bytes,
    read_results,
    salvaged_csv,
    summarize,
)
from ..viewer import Judged, report_page
from .pictures import shown_pictures


@dataclass(frozen=True)
class Evaluation:
    """A run in a store.

    Attributes:
        store: The SQLite file.
        run: The run's key, configuration, and how much of it is done.
    """

    store: Path
    run: Run

    @classmethod
    def read(cls, store: str | Path, run: str = "") -> Evaluation:
        """A run of a store by the beginning of its key; empty: the last run.

        Raises:
            RunError: If there is no such store or run.
        """
        with Store(store, create=False) as opened:
            return cls(Path(store), opened.run(run))

    def __repr__(self) -> str:
        """One line."""
        run = self.run
        state = "finished" if run.finished else f"{run.done} of {run.shards} shards"
        return (
            f"<Evaluation {run.key[:12]} in {self.store}: {run.model}, {run.samples} samples, "
            f"{run.failures} failures, {state}>"
        )

    @cached_property
    def results(self) -> Results:
        """All numbers as arrays (sample, method), for each metric."""
        with Store(self.store, create=False) as opened:
            return read_results(opened, self.run.key)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Every number as a row, as in rows.csv: `pandas.DataFrame(evaluation.rows)`."""
        with Store(self.store, create=False) as opened:
            rows = exported_rows(opened, self.results)
            return [dict(zip((*COLUMNS, "curve"), row, strict=True)) for row in rows]

    def summary(self) -> list[Column]:
        """For each metric the methods' means and their differences from `agcam`, with intervals."""
        return summarize(self.results, METRICS)

    def report(self, folder: str | Path = "report", *, pictures: bool = True) -> Path:
        """Write one HTML page, and the rows, failures and means beside it as CSV and Parquet.

        Args:
            folder: Where to.
            pictures: Whether to show the best and worst pictures, made once more from the data set
                and the model.

        Returns:
            The page.

        Raises:
            RunError: If a part of the store is damaged, after all that can be read is written.
        """
        written = write_report(self.store, self.run.key, Path(folder), pictures=pictures)
        if written.damage:
            raise RunError(written.damage)
        return written.page


class Report(NamedTuple):
    """A report that is written: its page, what is in it, and what of the store is damaged."""

    page: Path
    results: Results
    columns: list[Column]
    damage: str


def write_report(path: Path, key: str, folder: Path, *, pictures: bool) -> Report:
    """Write the report of a run; what cannot be read is left out, and stated by `damage`."""
    with Store(path, create=False) as store:
        try:
            with store.snapshot():
                results = read_results(store, key)
                stamps = store.stamps(results.run.key)
                damage = replace(store.damage)  # exports would count it twice
                columns = summarize(results, METRICS)
                texts = csv_files(store, results, columns)
                table = parquet_bytes(store, results)
                store.damage = damage
        except DamageError as error:
            _salvage(store, folder, error)
    for name, text in texts.items():
        write_atomically(folder / name, text.encode())
    if table is not None:
        write_atomically(folder / "rows.parquet", table)
    judged, note = _pictures(results, stamps) if pictures else ([], "They were not requested.")
    page = folder / "report.html"
    write_atomically(page, report_page(results, columns, judged, note).encode())
    return Report(page, results, columns, store.damage.sentence(store.path))


def _salvage(store: Store, folder: Path, error: DamageError) -> NoReturn:
    """Write every row that can be read, and raise what was wrong."""
    text = salvaged_csv(store)
    rows = text.count("\n") - 1
    if not rows:
        raise RunError(f"{error}; no row of it can be read") from error
    file = folder / "salvaged.csv"
    write_atomically(file, text.encode())
    raise RunError(f"{error}; the {rows} rows that can be read are in {file}")


def _pictures(results: Results, stamps: Mapping[int, str | None]) -> tuple[list[Judged], str]:
    """The pictures, or why there are none: the report is written all the same."""
    try:
        return shown_pictures(results, stamps), ""
    except AgcamError as error:
        return [], f"They could not be made again: {error}"
