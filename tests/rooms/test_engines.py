"""Engines: any order, lost workers, the same rows."""

import os
import signal
import sys
from contextlib import suppress
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
from processes import until

PATIENCE = {  # a machine that runs other tests is slow and short of memory, and none of it is dead
    "RAY_gcs_server_port_wait_time_s": "300",
    "RAY_worker_register_timeout_seconds": "300",
    "RAY_health_check_timeout_ms": "300000",
    "RAY_memory_monitor_refresh_ms": "0",
}


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """A real Ray cluster of two processors on this machine, whose workers can import this file."""
    with pytest.MonkeyPatch.context() as patch:
        here = [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, here)))
        for name, value in PATIENCE.items():
            patch.setenv(name, value)
        start_cluster()
        yield
        ray.shutdown()


def start_cluster(tries=3):
    """Ray gives a node 30 seconds to start, which nobody can change and may not be enough."""
    try:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    except Exception as error:
        ray.shutdown()
        if tries == 1 or "timed out during startup" not in str(error):
            raise
        start_cluster(tries - 1)


@pytest.fixture(autouse=True)
def no_actors(cluster):
    """The last test's actors are gone: Ray ends them in its own time."""
    until(lambda: not actors(), "actors outlive their test")


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
def test_a_worker_that_cannot_start_raises_its_own_error(engine):
    with pytest.raises(LoadError, match="no such weights"):
        list(ENGINES[engine](Resources(workers=2)).run(refusing, [0]))


@pytest.mark.parametrize("engine", ENGINES)
def test_closing_a_run_ends_its_workers_whatever_they_are_at(engine, tmp_path):
    shards = ENGINES[engine](Resources(workers=2)).run(partial(first_only, tmp_path), range(3))
    assert next(shards) == (0, 0)
    until(lambda: len(list(tmp_path.glob("*.pid"))) == 2, "workers did not start")
    shards.close()
    pids = [int(path.stem) for path in tmp_path.glob("*.pid")]
    until(lambda: not any(map(psutil.pid_exists, pids)), "workers outlive their run")


def test_a_ray_run_that_loses_a_worker_has_the_rows_of_a_local_one(tmp_path):
    """Two actors; one is killed (SIGKILL) when the first rows have come."""
    made = plan(configuration(lay_out(tmp_path, pictures=8), batch_size=1))
    killed = []

    def report(rows):
        if not killed:
            killed.append(kill_one_of_two_actors())

    run = run_plan(made, tmp_path / "ray", "ray", Resources(workers=2), report)
    assert killed
    assert run.finished
    run_plan(made, tmp_path / "local")
    with Store(tmp_path / "ray") as first, Store(tmp_path / "local") as second:
        assert len(rows_of(first)[0]) == 8
        assert rows_of(first) == rows_of(second)


def kill_one_of_two_actors():
    """Waits for both: one may have its first rows before the other's process has begun."""
    until(lambda: len(actors()) == 2, "there are not two actors")
    killed = actors().pop()
    os.kill(killed, signal.SIGKILL)
    return killed


def actors():
    """The processes of Ray's actors that this process has started."""
    found = set()
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # others of Ray's end meanwhile
            if "ray::_Worker" in " ".join([child.name(), *child.cmdline()]):
                found.add(child.pid)
    return found


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
    single, shared = tmp_path / "single", tmp_path / "shared"
    agcam.annotate(*given, out=single, workers=1, **settings)
    for known, workers in ((0, 2), (4, 1)):
        made = agcam.annotate(*given, out=shared, workers=workers, **settings, **where[workers])
        assert (made.pictures, made.known) == (5, known)
        every = [
            {p.name: p.read_bytes() for p in root.rglob("*.json")} for root in (single, shared)
        ]
        assert every[0] == every[1]
        next(shared.glob("records/*.json")).unlink()


def test_a_cluster_that_cannot_be_reached_is_refused(monkeypatch):
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
