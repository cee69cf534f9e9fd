"""A run's rows as CSV and Parquet, for other programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from .results import Results
from .store import Store
from .summary import Column

COLUMNS: Final = ("sample", "name", "label", "prediction", "method", "metric", "value")


def csv_files(store: Store, results: Results, columns: Sequence[Column]) -> dict[str, str]:
    """File name -> text: every number, every failure, and the summary."""
    summary = (
        (column.metric, method, *found)
        for column in columns
        for method, found in column.means.items()
    )
    return {
        "rows.csv": _csv(COLUMNS, (row[:-1] for row in _rows(store, results))),
        "failures.csv": _csv(("sample", "name", "method", "metric", "message"), results.failures),
        "summary.csv": _csv(("metric", "method", "mean", "low", "high", "number"), summary),
    }


def parquet_bytes(store: Store, results: Results) -> bytes | None:
    """Every number with its curve; None where pyarrow is not installed (`agcam[parquet]`)."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        return None
    columns = zip((*COLUMNS, "curve"), zip(*_rows(store, results), strict=True), strict=False)
    table = pyarrow.table({name: list(values) for name, values in columns})
    sink = pyarrow.BufferOutputStream()
    parquet.write_table(table, sink)
    return bytes(sink.getvalue())


def _rows(store: Store, results: Results) -> Iterator[tuple[Any, ...]]:
    samples = {sample.sample: sample for sample in results.samples}
    for record in store.records(results.run.key):
        known = samples[record.sample]
        curve = None if record.curve is None else list(record.curve)
        yield (*known[:4], record.method, record.metric, record.value, curve)


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
