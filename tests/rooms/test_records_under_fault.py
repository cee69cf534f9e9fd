"""Stores that are written to, read-only, on full disks, damaged; and names of every kind."""

import csv
import io
import os
import resource
import shutil
import signal
import sqlite3
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from small_stores import CONFIGURATION, damaged, filled, shard_rows
from typer.testing import CliRunner

from agcam import RunError
from agcam.cli import app
from agcam.metrics import METRICS
from agcam.records import (
    Failure,
    Record,
    SampleRow,
    ShardRows,
    Store,
    csv_files,
    parquet_bytes,
    read_results,
    summarize,
)
from agcam.records.stored_text import from_stored, to_stored
from agcam.viewer import report_page
from agcam.wording import printable
from pages import Page

DAMAGED = 24
BYTES = "caf\udce9 \udcff.png"  # a file name that is not UTF-8
NAMES = (
    BYTES,
    "\ud800 alone.png",
    "\x1b[2J\x07cleared.png",
    "two\nlines\u2028three.png",
    "=cmd|' /C calc'!A0",
    "+1.png",
    "@SUM(A1)",
    "-2+3.png",
    "\tstart.png",
    "\u202egnp.exe",
    "<script>alert(1)</script>",
    "naïve 猫 👩‍👩‍👧.png",
)


def report(store, out):
    return CliRunner().invoke(app, ["report", str(store), "--out", str(out), "--no-pictures"])


def read_csv(path):
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


# Names


@given(st.text(st.characters(), max_size=20) | st.binary(max_size=12).map(os.fsdecode))
def test_any_text_is_stored_without_a_loss(text):
    with sqlite3.connect(":memory:") as connection:
        stored = connection.execute("SELECT ?", (to_stored(text),)).fetchone()[0]
    connection.close()
    assert from_stored(stored) == text


@given(st.text(st.characters()) | st.binary().map(os.fsdecode))
def test_what_is_shown_is_one_line_that_can_be_encoded(text):
    shown = printable(text)
    assert shown.encode().decode() == shown
    assert len(f"a{shown}b".splitlines()) == 1
    assert not any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in shown)
    assert printable(shown) == shown


def test_a_name_that_is_no_utf8_is_stored_as_its_bytes(tmp_path):
    assert to_stored(os.fsdecode(b"caf\xe9.png")) == b"caf\xe9.png"


@pytest.fixture
def named(tmp_path):
    """A run of pictures, and failures, called by all of NAMES."""
    samples = tuple(SampleRow(n, name, 1, 1, 0.5) for n, name in enumerate(NAMES))
    records = tuple(Record(n, "agcam", "abpc", n / 8, (0.5, 1.0)) for n in range(len(NAMES)))
    failures = tuple(Failure(n, name, "", "x", f"{name} is bad") for n, name in enumerate(NAMES))
    with Store(tmp_path / "store") as store:
        store.begin("key", CONFIGURATION, 1)
        store.append("key", 0, ShardRows(samples, records, failures))
        store.finish("key")
        assert store.samples("key") == list(samples)
        assert store.failures("key") == list(failures)
    return tmp_path / "store"


def test_every_name_is_exported_where_it_can_do_no_harm(named):
    with Store(named, create=False) as store:
        results = read_results(store)
        assert [row.name for row in results.samples] == list(NAMES)
        texts = csv_files(store, results, summarize(results, METRICS))
        table = parquet.read_table(io.BytesIO(parquet_bytes(store, results))).to_pylist()
        page = report_page(results, summarize(results, METRICS))
    for text in texts.values():
        text.encode()
        for row in csv.reader(io.StringIO(text)):
            for cell in row:
                assert not cell.startswith(("=", "+", "@", "\t", "\r"))
                assert not cell.startswith("-") or float(cell) <= 0
    names = [row["name"] for row in csv.DictReader(io.StringIO(texts["rows.csv"]))]
    assert [name.removeprefix("'") for name in names] == [printable(name) for name in NAMES]
    assert [row["name"] for row in table] == [printable(name) for name in NAMES]
    page.encode()
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert len(Page(page).programs) == 1
    assert "caf\\xe9 \\xff.png" in Page(page).text


# A store in use, and one that cannot be written


def test_a_run_is_reported_while_it_is_written(tmp_path):
    """Every report is of one moment, and none of it is lost to the writer."""
    filled(tmp_path / "store", shards=1).close()
    stop = threading.Event()

    def write():
        with Store(tmp_path / "store") as store:
            store.begin("later", CONFIGURATION, 2000)
            for shard in range(2000):
                store.append("later", shard, shard_rows(shard))
                if stop.is_set():
                    return

    writer = threading.Thread(target=write)
    writer.start()
    moments = set()
    try:
        while len(moments) < 5 and writer.is_alive():
            with Store(tmp_path / "store", create=False) as store, store.snapshot():
                results = read_results(store)
                if results.run.key != "later":
                    continue
                rows = csv_files(store, results, [])["rows.csv"]
                assert len(results.samples) == 4 * results.run.done
                assert store.damage.number == 0
                numbers = {int(row["sample"]) for row in csv.DictReader(io.StringIO(rows))}
                assert numbers == set(range(4 * results.run.done))
                moments.add(results.run.done)
    finally:
        stop.set()
        writer.join()
    assert len(moments) > 1, "nothing was written meanwhile"


def in_a_child(act):
    """Run in a forked process; what it prints, or the error that ended it."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            reported = str(act())
        except BaseException as error:
            reported = f"{type(error).__name__}: {error}"
        os.write(writing, reported.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    reported = os.read(reading, 10_000).decode()
    os.close(reading)
    return reported


def read_all(path):
    with Store(path, create=False) as store:
        results = read_results(store)
        return len(results.samples), store.damage.number


def as_nobody(path):
    os.setuid(65534)
    return read_all(path)


def on_a_full_disk(path):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    return read_all(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("log", ["no log", "a log", "a log and its index"])
def test_a_read_only_store_is_read_and_left_alone(log):
    """Whole, also where rows are in the log only and SQLite can make no index of it."""
    with tempfile.TemporaryDirectory() as made:  # pytest's own folders are nobody else's
        folder = Path(made)
        folder.chmod(0o755)
        source = filled(folder / "source", shards=10)
        if log == "no log":
            source.close()
        for end in {"no log": [""], "a log": ["", "-wal"]}.get(log, ["", "-wal", "-shm"]):
            shutil.copyfile(f"{folder}/source{end}", f"{folder}/store{end}")
        source.close()
        before = {path.name: path.read_bytes() for path in folder.glob("store*")}
        assert in_a_child(lambda: as_nobody(folder / "store")) == "(40, 0)"
        assert {path.name: path.read_bytes() for path in folder.glob("store*")} == before


def test_a_store_on_a_full_disk_is_read(tmp_path):
    filled(tmp_path / "store", shards=10).close()
    before = (tmp_path / "store").read_bytes()
    assert in_a_child(lambda: on_a_full_disk(tmp_path / "store")) == "(40, 0)"
    assert (tmp_path / "store").read_bytes() == before


def test_reading_leaves_the_file_as_it_was(tmp_path):
    filled(tmp_path / "store").close()
    before = (tmp_path / "store").read_bytes()
    assert read_all(tmp_path / "store") == (40, 0)
    assert (tmp_path / "store").read_bytes() == before
    assert list(tmp_path.iterdir()) == [tmp_path / "store"]


@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_file_is_no_store(create, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(RunError):
            Store(path, create=create)


def test_why_a_store_cannot_be_made_is_stated(tmp_path):
    with pytest.raises(RunError, match=r"cannot be opened as a store: .*File name too long"):
        Store(tmp_path / ("s" * 300), create=True)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r"cannot be opened as a store: .*(File exists|Not a dir)"):
        Store(tmp_path / "file" / "store", create=True)


# Damage


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "store"
    filled(path).close()
    return path


@pytest.mark.parametrize("seed", range(DAMAGED))
def test_a_damaged_store_ends_in_one_sentence(seed, whole, tmp_path):
    """What is exported is some of what was stored."""
    shutil.copyfile(whole, tmp_path / "store")
    damaged(tmp_path / "store", seed)
    done = report(tmp_path / "store", tmp_path / "out")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    lines = [line for line in done.stderr.splitlines() if line.startswith("agcam: ")]
    assert len(lines) == done.exit_code <= 1
    if done.exit_code == 0:
        assert (tmp_path / "out/report.html").exists()
    listed = CliRunner().invoke(app, ["runs", str(tmp_path / "store")])
    assert listed.exception is None or isinstance(listed.exception, SystemExit)


def test_rows_behind_a_damaged_page_are_exported(whole, tmp_path):
    """One page of the table of numbers is overwritten: the samples on it are lost, no others."""
    shutil.copyfile(whole, tmp_path / "store")
    content = bytearray(whole.read_bytes())
    page = next(
        number
        for number in range(8, len(content) // 4096)
        if content[number * 4096] == 10 and content.count(b"rollout", number * 4096, -1) > 20
    )
    content[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    (tmp_path / "store").write_bytes(content)
    done = report(tmp_path / "store", tmp_path / "out")
    assert done.exit_code == 1
    assert "is damaged: " in done.stderr
    assert "of it could not be read" in done.stderr
    rows = read_csv(tmp_path / "out/rows.csv")
    with Store(whole, create=False) as store:
        true = {(str(r.sample), r.method, r.metric): r.value for r in store.records("key")}
    assert 100 < len(rows) < len(true)
    for row in rows:
        assert float(row["value"]) == true[row["sample"], row["method"], row["metric"]]


def test_rows_are_salvaged_where_the_run_cannot_be_read(whole, tmp_path):
    shutil.copyfile(whole, tmp_path / "store")
    with sqlite3.connect(tmp_path / "store") as connection:
        connection.execute("UPDATE runs SET configuration = '{\"methods\": 1}'")
    connection.close()
    done = report(tmp_path / "store", tmp_path / "out")
    assert done.exit_code == 1
    assert "cannot be summarized; the 248 rows that can be read are in" in done.stderr
    rows = read_csv(tmp_path / "out/salvaged.csv")
    assert len(rows) == 40 * 6 - 2 + 10


def test_an_evaluation_into_a_damaged_store_ends_in_one_sentence(whole, tmp_path):
    shutil.copyfile(whole, tmp_path / "store")
    content = bytearray((tmp_path / "store").read_bytes())
    for page in range(1, len(content) // 4096):
        content[page * 4096 : page * 4096 + 100] = b"\xff" * 100
    (tmp_path / "store").write_bytes(content)
    with pytest.raises(RunError, match="is damaged"), Store(tmp_path / "store") as store:
        store.begin("other", CONFIGURATION, 1)
