"""Summaries, the page and the exports are the store's."""

import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from small_stores import CONFIGURATION, METHODS, filled, shard_rows

from agcam.metrics import METRICS
from agcam.records import (
    Failure,
    Record,
    ShardRows,
    Store,
    csv_files,
    parquet_bytes,
    read_results,
    summarize,
)
from agcam.records.summary import estimates
from agcam.viewer import report_page
from pages import Page


@pytest.fixture
def store(tmp_path):
    with filled(tmp_path / "store") as made:
        yield made


def test_means_leave_out_what_is_missing():
    values = np.array([[1.0, np.nan], [2.0, 4.0], [3.0, np.nan]])
    first, second = estimates(values)
    assert (first.mean, first.number) == (2, 3)
    assert tuple(second) == (4, 4, 4, 1)
    assert 1 <= first.low < 2 < first.high <= 3


def test_intervals_are_those_of_scipy():
    from scipy.stats import bootstrap

    values = np.random.default_rng(1).normal(size=(60, 1))
    theirs = bootstrap(
        (values[:, 0],), np.mean, n_resamples=20000, method="percentile", random_state=2
    ).confidence_interval
    ours = estimates(values)[0]
    assert abs(ours.low - theirs.low) < 0.02
    assert abs(ours.high - theirs.high) < 0.02


def test_differences_are_paired(store):
    """A method that is always a little better is surely better, though the intervals overlap."""
    values = np.random.default_rng(0).normal(size=(50, 1))
    better = estimates(values + 0.01)[0], estimates(values)[0]
    assert better[0].low < better[1].high
    difference = estimates(values + 0.01 - values)[0]
    assert difference.low == pytest.approx(0.01)
    columns = {column.metric: column for column in summarize(read_results(store), METRICS)}
    assert set(columns["abpc"].differences) == {"rollout", "random"}
    assert columns["abpc"].differences["rollout"].number == 39


def test_numbers_of_whole_sets_are_made_of_their_rows(tmp_path):
    configuration = {**CONFIGURATION, "metrics": {"share": {"better": "higher"}}}
    records = tuple(
        Record(n, method, "share", None, (float(n if method == "agcam" else 1), 4.0))
        for n in range(3)
        for method in METHODS
    )
    with Store(tmp_path / "store") as store:
        store.begin("key", configuration, 1)
        store.append("key", 0, ShardRows(shard_rows(0).samples, records))
        results = read_results(store)

    def share(rows, names):
        assert len(rows) == len(names)
        return float(rows[:, 0].sum() / rows[:, 1].sum())

    assert summarize(results, METRICS) == []
    metrics = {"share": replace(METRICS["set_mean_iou"], name="share", of_set=share)}
    (column,) = summarize(results, metrics)
    assert column.means["agcam"].mean == 0.25 == column.means["random"].mean
    assert column.means["agcam"].number == 3
    assert column.means["random"].low == 0.25
    assert column.differences["random"].mean == 0
    assert 0 <= column.means["agcam"].low < 0.25 < column.means["agcam"].high <= 0.5


# The page and the exports


def test_the_figures_of_the_page_are_the_stores(store):
    results = read_results(store)
    page = Page(report_page(results, summarize(results, METRICS)))
    found = {}
    for table in [block for block in page.document["blocks"] if block["kind"] == "table"][:-1]:
        metrics = [head["text"].split()[0] for head in table["head"][1:]]
        for method, *cells in table["rows"]:
            found |= {
                (method, metric): (cell, head)
                for metric, cell, head in zip(metrics, cells, table["head"][1:], strict=True)
            }
    assert len(found) == 6
    for (method, metric), (cell, head) in found.items():
        query = "SELECT avg(value), count(value) FROM records WHERE method = ? AND metric = ?"
        true, count = store._connection.execute(query, (method, metric)).fetchone()
        assert cell["sort"] == pytest.approx(true, abs=1e-12)
        fewer = re.search(r"n = (\d+)", cell["notes"][0]["text"] + head["notes"][0]["text"])
        assert int(fewer[1]) == count
        assert float(cell["text"]) == pytest.approx(true, abs=5e-5)


@pytest.mark.parametrize(
    ("failure", "right_only", "why"),
    [
        (Failure(0, "0.png", "", "iou", "no box"), True, "see Failures"),
        (Failure(0, "0.png", "agcam", "abpc", "too large"), True, "no picture predicted correctly"),
        (Failure(0, "0.png", "rollout", "iou", "no box"), False, "no picture with what it needs"),
    ],
)
def test_a_method_without_a_number_says_why(tmp_path, failure, right_only, why):
    iou = {"better": "higher", "right_only": right_only}
    configuration = {**CONFIGURATION, "metrics": {"abpc": {"better": "higher"}, "iou": iou}}
    records = tuple(Record(0, method, "abpc", 0.1, None) for method in METHODS)
    with Store(tmp_path / "store") as made:
        made.begin("key", configuration, 1)
        made.append("key", 0, ShardRows(shard_rows(0).samples, records, (failure,)))
        results = read_results(made)
    blocks = Page(report_page(results, summarize(results, METRICS))).document["blocks"]
    rows = [row for block in blocks if block["kind"] == "table" for row in block["rows"]]
    cells = [cell for name, *cells in rows for cell in cells if name == "agcam"]
    (missing,) = [cell for cell in cells if cell["text"] == "-"]
    assert missing["notes"] == [{"text": why}]


def test_the_page_is_one_file_and_escapes_what_it_was_given(store):
    results = read_results(store)
    page = report_page(results, summarize(results, METRICS))
    assert page == report_page(results, summarize(results, METRICS))
    read = Page(page)
    assert "set <i>" in read.text
    assert "a <bad> box" in read.text
    assert "set <i>" not in page
    assert len(read.programs) == 1
    kinds = [block["kind"] for block in read.document["blocks"]]
    assert kinds.count("curves") == 1  # morf; abpc is read from the same curves


def test_exports_hold_every_row(store):
    from pyarrow import parquet

    results = read_results(store)
    files = csv_files(store, results, summarize(results, METRICS))
    rows = list(csv.DictReader(io.StringIO(files["rows.csv"])))
    table = parquet.read_table(io.BytesIO(parquet_bytes(store, results))).to_pylist()
    records = list(store.records("key"))
    assert len(rows) == len(table) == len(records) == 40 * 6 - 2
    for row, line, record in zip(rows, table, records, strict=True):
        assert int(row["sample"]) == line["sample"] == record.sample
        assert float(row["value"]) == line["value"] == record.value
        assert line["curve"] == list(record.curve)
    assert len(list(csv.DictReader(io.StringIO(files["failures.csv"])))) == 10
    assert len(list(csv.DictReader(io.StringIO(files["summary.csv"])))) == 6
