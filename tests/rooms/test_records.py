"""The store keeps what it was given, whatever happens."""

import resource
import signal
import sqlite3
import subprocess
import sys
import threading

import pytest
from small_stores import CONFIGURATION, append_all, filled, shard_rows

from agcam import RunError
from agcam.errors import DamageError
from agcam.records import (
    SampleRow,
    ShardRows,
    Store,
    opening,
    read_results,
)


@pytest.fixture
def store(tmp_path):
    with filled(tmp_path / "store") as made:
        yield made


def test_rows_come_back_as_they_were_in_the_data_sets_order(tmp_path):
    with Store(tmp_path / "store") as made:
        made.begin("key", CONFIGURATION, 3)
        for shard in (2, 0, 1):
            made.append("key", shard, shard_rows(shard))
    with Store(tmp_path / "store") as reopened:
        assert reopened.begin("key", CONFIGURATION, 3) == {0, 1, 2}
        expected = [shard_rows(shard) for shard in range(3)]
        assert reopened.samples("key") == [row for rows in expected for row in rows.samples]
        found, wanted = (
            list(reopened.records("key")),
            [r for rows in expected for r in rows.records],
        )
        assert [row[:4] for row in found] == sorted(row[:4] for row in wanted)
        assert reopened.run().cost == {"forwards": 30, "seconds": 1.5}
        assert reopened.failures("key") == [rows.failures[0] for rows in expected]


def test_stores_and_engines_do_without_torch(store):
    """So that `agcam runs` answers at once."""
    program = (
        "import sys; import agcam.engines; from pathlib import Path; from agcam.cli.records import "
        "runs; runs(Path(sys.argv[1])); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", program, store.path]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert "40" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_a_shard_twice_adds_nothing(store):
    before = list(store.records("key"))
    store.append("key", 0, shard_rows(0, seed=1))
    assert list(store.records("key")) == before


def test_runs_are_found_by_the_beginning_of_their_key(store):
    store.begin("kind", CONFIGURATION, 1)
    assert store.run("ke").key == "key"
    assert store.run().key == "kind"
    with pytest.raises(RunError, match="is the beginning of 2 runs; its runs: key, kind"):
        store.run("k")
    with pytest.raises(RunError, match="is not the beginning of any run"):
        store.run("x")


def test_a_row_that_is_refused_takes_its_whole_shard_with_it(tmp_path):
    with Store(tmp_path / "store") as store:
        store.begin("key", CONFIGURATION, 1)
        rows = shard_rows(0)
        with pytest.raises(RunError, match="a row was refused"):
            store.append("key", 0, ShardRows(rows.samples, rows.records * 2))
        assert store.samples("key") == []
        store.append("key", 0, rows)
        assert len(store.samples("key")) == 4


def test_a_store_of_a_newer_version_is_refused(tmp_path, store):
    store.close()
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(RunError, match="written by a newer agcam"):
        Store(store.path)


def as_of_version_1(path):
    """A store as version 1 wrote it: samples must have a probability, shards have no stamp."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("ALTER TABLE shards DROP COLUMN stamp")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute(
        "UPDATE sqlite_schema SET sql = replace(sql, 'probability REAL', "
        "'probability REAL NOT NULL') WHERE name = 'samples'"
    )
    connection.execute("PRAGMA user_version = 1")
    connection.close()


def test_a_store_of_version_1_is_read_as_it_is_and_brought_up_to_date_when_written(store):
    rows, path = list(store.samples("key")), store.path
    store.close()
    as_of_version_1(path)
    without = ShardRows(samples=(SampleRow(40, "regression", 0, -1, None),))
    with sqlite3.connect(path) as raw, pytest.raises(sqlite3.IntegrityError):
        raw.execute("INSERT INTO samples VALUES (1, 40, 'x', 0, -1, NULL)")
    raw.close()
    before = path.read_bytes()
    with Store(path, create=False) as old:
        assert old.samples("key") == rows
        assert set(old.stamps("key").values()) == {None}
    assert path.read_bytes() == before
    with Store(path) as first, Store(path) as second:  # two at once, and an open reader's view
        first.append("key", 10, without)
        assert second.samples("key") == [*rows, *without.samples]
    with Store(path, create=False) as read:
        assert list(read.records("key"))
        assert not read.damage.number


def test_an_old_store_that_cannot_be_brought_up_to_date_is_left_as_it_was(store):
    path = store.path
    store.close()
    as_of_version_1(path)
    with sqlite3.connect(path) as raw:
        raw.execute("CREATE TABLE samples_1 (a)")  # the step that follows cannot be done
    raw.close()
    with pytest.raises(RunError, match="samples_1"):
        Store(path)
    with Store(path, create=False) as old:
        assert len(old.samples("key")) == 40


@pytest.mark.parametrize("version", [0, -5])
def test_a_store_of_a_version_that_never_was_is_refused(version, store):
    store.close()
    raw = sqlite3.connect(store.path)
    raw.execute(f"PRAGMA user_version = {version}")
    raw.close()
    for create in (True, False):
        with pytest.raises(RunError, match=f"states the store version {version}"):
            Store(store.path, create=create)


def test_a_metric_that_says_neither_what_is_better_is_damage(store):
    store.close()
    raw = sqlite3.connect(store.path, isolation_level=None)
    raw.execute("UPDATE runs SET configuration = replace(configuration, 'lower', 'other')")
    raw.close()
    with Store(store.path, create=False) as read, pytest.raises(DamageError, match="neither"):
        read_results(read)


@pytest.mark.parametrize(
    "foreign",
    [
        "CREATE VIEW endless AS WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r) "
        "SELECT 1 AS run, x AS sample FROM r",
        "CREATE TRIGGER loses AFTER INSERT ON shards BEGIN DELETE FROM records; END",
    ],
)
def test_a_store_that_somebody_gave_views_or_triggers_is_refused(foreign, store):
    store.close()
    raw = sqlite3.connect(store.path, isolation_level=None)
    if "VIEW" in foreign:
        raw.execute("DROP TABLE samples")
        foreign = foreign.replace("endless", "samples")
    raw.execute(foreign)
    raw.close()
    for create in (True, False):
        with pytest.raises(RunError, match="views or triggers"):
            Store(store.path, create=create)


def test_what_is_no_store_is_refused_and_left_alone(tmp_path):
    text, other = tmp_path / "text", tmp_path / "other"
    text.write_text("no database" * 1000)
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    before = text.read_bytes(), other.read_bytes()
    with pytest.raises(RunError, match="is not a store"):
        Store(text)
    with pytest.raises(RunError, match="of another program"):
        Store(other)
    assert (text.read_bytes(), other.read_bytes()) == before
    with pytest.raises(RunError, match="does not exist"):
        Store(tmp_path / "none", create=False)


def test_a_full_store_says_so_and_keeps_what_it_has(tmp_path):
    with Store(tmp_path / "store") as store:
        store.begin("key", CONFIGURATION, 100)
        store.append("key", 0, shard_rows(0))
        store._connection.execute("PRAGMA max_page_count = 20")
        with pytest.raises(RunError, match="disk is full") as raised:
            append_all(store, range(1, 100))
        assert "run the same command to continue" in str(raised.value)
        store._connection.execute("PRAGMA max_page_count = 100000")
        done = store.begin("key", CONFIGURATION, 100)
        assert 0 in done
        assert len(store.samples("key")) == 4 * len(done)
        append_all(store, set(range(100)) - done)
        assert len(store.samples("key")) == 400


FILLING = """
import sys
sys.path.insert(0, sys.argv[1])
from small_stores import CONFIGURATION, Store, shard_rows
with Store(sys.argv[2]) as store:
    store.begin("key", CONFIGURATION, 1000)
    for shard in range(1000):
        store.append("key", shard, shard_rows(shard))
        print(shard, flush=True)
"""


def test_a_disk_that_fills_loses_nothing_that_was_reported_as_stored(tmp_path):
    """The system refuses to let any file grow beyond 200 kB."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [sys.executable, "-c", FILLING, str(__file__).rpartition("/")[0], tmp_path / "store"],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "RunError" in done.stderr
    assert "could not be written" in done.stderr
    reported = [int(line) for line in done.stdout.split()]
    assert reported
    with Store(tmp_path / "store") as store:
        assert store.begin("key", CONFIGURATION, 1000) == set(reported)
        assert len(store.samples("key")) == 4 * len(reported)


def test_a_store_that_is_locked_while_it_is_opened_is_waited_for(tmp_path, monkeypatch):
    """SQLite answers "locked" at once while another process recovers or closes the log."""
    locked = sqlite3.OperationalError("database is locked")
    answers, is_store = [locked, locked], opening.is_store

    def sometimes(*arguments):
        if answers:
            raise answers.pop()
        return is_store(*arguments)

    monkeypatch.setattr(opening, "is_store", sometimes)
    with Store(tmp_path / "store") as store:
        assert store.runs() == []
    answers += [locked]
    monkeypatch.setattr("agcam.records.opening.WAIT", -1.0)
    with pytest.raises(RunError, match="in use by another program"):
        Store(tmp_path / "store")


def test_two_runs_write_to_one_store_at_once(tmp_path):
    def write(key):
        with Store(tmp_path / "store") as store:
            store.begin(key, CONFIGURATION, 20)
            for shard in range(20):
                store.append(key, shard, shard_rows(shard))

    writers = [threading.Thread(target=write, args=(key,)) for key in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with Store(tmp_path / "store") as store:
        assert [run.done for run in store.runs()] == [20] * 3
        assert list(store.records("a")) == list(store.records("b")) == list(store.records("c"))


def test_several_make_a_store_at_once(tmp_path):
    """Each sees no store, or a whole one; never tables whose version is not yet stated."""
    failures = []

    def begin(path, key):
        try:
            with Store(path) as store:
                store.begin(key, CONFIGURATION, 1)
        except RunError as error:
            failures.append(str(error))

    for number in range(12):
        makers = [threading.Thread(target=begin, args=(tmp_path / f"{number}", k)) for k in "abcd"]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
    assert failures == []


def test_shards_that_are_removed_take_their_rows_and_no_others_with_them(store):
    rows, numbers = store.samples("key"), list(store.records("key"))
    store.finish("key")
    done = store.stamps("key")
    store.remove("key", [1, 3], 4)
    gone = {*range(4, 8), *range(12, 16)}
    assert store.samples("key") == [row for row in rows if row.sample not in gone]
    assert list(store.records("key")) == [one for one in numbers if one.sample not in gone]
    assert all(one.sample not in gone for one in store.failures("key"))
    assert set(store.stamps("key")) == set(done) - {1, 3}
    assert not store.run("key").finished
