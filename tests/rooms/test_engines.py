"""Engines: any order, lost workers, the same rows."""

import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray
from engine_workers import doubling, dying, failing, first_only, refusing
from small_runs import configuration, lay_out, names, rows_of

import agcam
from agcam import LoadError, RunError
from agcam.engines import ENGINES, Resources
from agcam.evaluation import plan, run_plan
from agcam.records import Store


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A real Ray cluster of two processors on this machine, whose workers can import this file."""
    with pytest.MonkeyPatch.context() as patch:
        here = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, here)))
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
        yield
        ray.shutdown()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lost_workers_shards_are_worked_on_again(engine, tmp_path):
    found = dict(ENGINES[engine](Resources(workers=2)).run(partial(doubling, tmp_path), range(8)))
    assert (tmp_path / "died").exists()
    assert found == {shard: 2 * shard for shard in range(8)}


@pytest.mark.parametrize("engine", ENGINES)
def test_workers_that_are_always_lost_end_the_run_with_a_reason(engine):
    with pytest.raises(RunError, match="lost 3 times"):
        list(ENGINES[engine](Resources(workers=2)).run(dying, [0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_an_error_of_the_work_is_raised_as_it_is(engine):
    with pytest.raises(ValueError, match="shard 0"):
        list(ENGINES[engine](Resources(workers=2)).run(failing, [0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_worker_that_cannot_start_says_why(engine):
    with pytest.raises(LoadError, match="no such weights"):
        list(ENGINES[engine](Resources(workers=2)).run(refusing, [0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_closing_a_run_ends_its_workers_whatever_they_are_at(engine, tmp_path):
    shards = ENGINES[engine](Resources(workers=2)).run(partial(first_only, tmp_path), range(3))
    assert next(shards) == (0, 0)
    waited_for(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
    shards.close()
    waited_for(lambda: not any(psutil.pid_exists(int(p.stem)) for p in tmp_path.glob("*.pid")))


def waited_for(condition, seconds=120):
    """Machines are busy: what is waited for comes late, not never."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_ray_run_that_loses_a_worker_has_the_rows_of_a_local_one(tmp_path):
    """Two actors; one is killed (SIGKILL) when the first rows have come."""
    made = plan(configuration(lay_out(tmp_path, pictures=8), batch_size=1))
    killed = []

    def tell(rows):
        if not killed:
            killed.append(kill_one_of_two_actors())

    run = run_plan(made, tmp_path / "ray", "ray", Resources(workers=2), tell)
    assert killed
    assert run.finished
    run_plan(made, tmp_path / "local")
    with Store(tmp_path / "ray") as first, Store(tmp_path / "local") as second:
        assert len(rows_of(first)[0]) == 8
        assert rows_of(first) == rows_of(second)


def kill_one_of_two_actors():
    workers = [
        child
        for child in psutil.Process().children(recursive=True)
        if child.name().startswith("ray::_Worker") or "ray::_Worker" in str(child.cmdline())
    ]
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    return workers[0].pid


def test_a_ray_audit_that_loses_a_worker_finds_what_a_local_one_does(tmp_path):
    """Columns, failures and summary; what two actors scan lies where one process looks for it."""
    lay_out(tmp_path, pictures=8)
    for number, path in enumerate(sorted(tmp_path.glob("*.png"))):
        folder = tmp_path / "pictures" / names()[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    (folder / "torn.png").write_bytes(b"no picture")
    settings = {"arch": "timm:test_vit", "classes": list(names()), "batch_size": 1, "tests": 0}
    given = tmp_path / "pictures", str(tmp_path / "weights.pth")
    killed = []

    def progress(what, done, total):
        if what == "scanning" and done and not killed:
            killed.append(kill_one_of_two_actors())

    shared = agcam.audit(
        *given, out=tmp_path / "ray", engine="ray", workers=2, progress=progress, **settings
    )
    assert killed
    local = agcam.audit(*given, out=tmp_path / "local", workers=1, **settings)
    assert [failure.name for failure in shared.found.failures] == [f"{folder.name}/torn.png"]
    assert shared.summary == local.summary
    for columns in ("pictures", "patches"):
        both = (vars(getattr(one.found, columns)) for one in (shared, local))
        for here, there in zip(*(one.values() for one in both), strict=True):
            np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("engine", ENGINES)
def test_annotations_are_the_same_from_any_engine(engine, tmp_path):
    """Two workers, and this process; a second run finds a record less and makes it."""
    lay_out(tmp_path, pictures=5)
    for number, path in enumerate(tmp_path.glob("*.png")):
        folder = tmp_path / "pictures" / f"class {number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        path.rename(folder / path.name)
    settings = {"arch": "timm:test_vit", "classes": list(names()), "batch_size": 1}
    given = str(tmp_path / "weights.pth"), tmp_path / "pictures"
    where = {1: {}, 2: {"engine": engine}}
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    agcam.annotate(*given, out=alone, workers=1, **settings)
    for known, workers in ((0, 2), (4, 1)):
        made = agcam.annotate(*given, out=shared, workers=workers, **settings, **where[workers])
        assert (made.pictures, made.known) == (5, known)
        every = [{p.name: p.read_bytes() for p in root.rglob("*.json")} for root in (alone, shared)]
        assert every[0] == every[1]
        next(shared.glob("records/*.json")).unlink()


def test_a_cluster_that_is_not_there_is_said(monkeypatch):
    before = signal.getsignal(signal.SIGTERM)

    def unreachable(**options):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as Ray does
        raise ConnectionError(f"nobody at {options['address']}")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", unreachable)
    with pytest.raises(RunError, match="no Ray cluster could be reached at head:6379: nobody at"):
        list(ENGINES["ray"](Resources(address="head:6379")).run(dying, [0]))
    assert signal.getsignal(signal.SIGTERM) is before


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match="needs Ray: pip install"):
        list(ENGINES["ray"](Resources()).run(dying, [0]))
