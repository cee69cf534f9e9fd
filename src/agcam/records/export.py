r"""A run's rows as CSV and Parquet, for other programs.

Text that is not printable is written as `\x1b`; in CSV a `'` stands before what a spreadsheet
would take for a formula. The store has the text as it was.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Final

from ..wording import cell, printable
from .results import Results
from .store import Store
from .summary import Column

TYPES: Final[dict[str, type]] = {
    "sample": int,
    "name": str,
    "label": int,
    "prediction": int,
    "method": str,
    "metric": str,
    "value": float,
    "curve": list,
}
COLUMNS: Final = tuple(TYPES)[:-1]
GROUP: Final = 2**16  # rows of a Parquet file that are held at once


def csv_files(store: Store, results: Results, columns: Sequence[Column]) -> dict[str, str]:
    """File name -> text: every number, every failure, and the summary."""
    summary = (
        (column.metric, method, *found)
        for column in columns
        for method, found in column.means.items()
    )
    return {
        "rows.csv": csv_text(COLUMNS, (row[:-1] for row in exported_rows(store, results))),
        "failures.csv": csv_text(
            ("sample", "name", "method", "metric", "message"), results.failures
        ),
        "summary.csv": csv_text(("metric", "method", "mean", "low", "high", "number"), summary),
    }


def salvaged_csv(store: Store) -> str:
    """Every row of every run that can still be read, where the runs themselves cannot be."""
    return csv_text(("run", *COLUMNS, "message"), _salvaged(store))


def _salvaged(store: Store) -> Iterator[tuple[Any, ...]]:
    for number in store.run_numbers():
        samples = {sample.sample: sample for sample in store.samples(number)}
        for record in store.records(number):
            known = samples.get(record.sample, (record.sample, "", "", ""))
            yield (number, *known[:4], record.method, record.metric, record.value, "")
        for failed in store.failures(number):
            sample, name, method, metric, message = failed
            yield (number, sample, name, "", "", method, metric, "", message)


def parquet_bytes(store: Store, results: Results) -> bytes | None:
    """Every number with its curve; None where pyarrow is not installed (`agcam[parquet]`)."""
    return parquet_table(TYPES, exported_rows(store, results))


def parquet_table(columns: Mapping[str, type], rows: Iterable[Sequence[Any]]) -> bytes | None:
    """A table as Parquet, whose rows are taken a group at a time.

    `columns` have the kind of each: str, int, float, or list (of floats). None where pyarrow is not
    installed (`agcam[parquet]`).
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None
    kinds = {
        str: pyarrow.string(),
        int: pyarrow.int64(),
        float: pyarrow.float64(),
        list: pyarrow.list_(pyarrow.float64()),
    }
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns.items()])
    sink, left = pyarrow.BufferOutputStream(), iter(rows)
    with parquet.ParquetWriter(sink, schema) as writer:
        while some := list(islice(left, GROUP)):
            cells = [list(map(_plain, values)) for values in zip(*some, strict=True)]
            writer.write_table(pyarrow.table(dict(zip(columns, cells, strict=True)), schema))
    return bytes(sink.getvalue())


def exported_rows(store: Store, results: Results) -> Iterator[tuple[Any, ...]]:
    """Every number as COLUMNS has it, and the curve behind it."""
    samples = {sample.sample: sample for sample in results.samples}
    methods = frozenset(results.methods)
    for record in store.records(results.run.key):
        known = samples.get(record.sample)
        if known is None or record.method not in methods or record.metric not in results.values:
            continue  # damage, which was counted when the results were read
        curve = None if record.curve is None else list(record.curve)
        yield (*known[:4], record.method, record.metric, record.value, curve)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table as CSV."""
    return "".join(csv_lines(header, rows))


def csv_lines(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A table as CSV, line by line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in chain([header], rows):
        writer.writerow([cell(v) if isinstance(v, str) else v for v in row])
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _plain(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value
