"""Room `records`: the store of runs, and its numbers as arrays, tables and exports. No torch."""

from .export import COLUMNS, csv_files, exported_rows, parquet_bytes, salvaged_csv
from .results import OURS, RANDOM_BASELINES, Results, read_results
from .rows import Failure, Record, Run, SampleRow, ShardRows
from .store import Store
from .summary import Column, Estimate, summarize
from .tables import TextTable, text_tables

__all__ = [
    "COLUMNS",
    "OURS",
    "RANDOM_BASELINES",
    "Column",
    "Estimate",
    "Failure",
    "Record",
    "Results",
    "Run",
    "SampleRow",
    "ShardRows",
    "Store",
    "TextTable",
    "csv_files",
    "exported_rows",
    "parquet_bytes",
    "read_results",
    "salvaged_csv",
    "summarize",
    "text_tables",
]
