"""Runs end with the same rows, whatever happens to them on the way."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import configuration, lay_out, rows_of

from agcam import RunError
from agcam.engines import Resources
from agcam.evaluation import plan, run_plan
from agcam.records import Store

KILLS = 6
PICTURES = 12


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    return lay_out(tmp_path_factory.mktemp("data"), pictures=PICTURES)


@pytest.fixture(scope="module")
def made(laid_out):
    return plan(configuration(laid_out, batch_size=1))


@pytest.fixture(scope="module")
def undisturbed(made, tmp_path_factory):
    """The rows of a run in one process, which was then run again and left alone."""
    path, heard = tmp_path_factory.mktemp("undisturbed") / "store", []
    first = run_plan(made, path)
    assert first.finished
    assert first == run_plan(made, path, tell=heard.append)
    assert heard == []
    assert first.cost["forwards"] == made.forwards == PICTURES * (1 + 3 * 18)
    with Store(path) as store:
        assert len(store.runs()) == 1
        return rows_of(store)


def test_a_run_has_a_row_for_every_sample_method_and_metric(undisturbed):
    samples, records, failures = undisturbed
    assert [sample.sample for sample in samples] == list(range(PICTURES))
    assert not failures
    right = {sample.sample for sample in samples if sample.label == sample.prediction}
    assert 0 < len(right) < PICTURES
    assert {record[:3] for record in records} == {
        (number, method, metric)
        for number in range(PICTURES)
        for method in ("agcam", "random", "gaussian")
        for metric in ("abpc", "pointing_game", "iou")
        if metric != "iou" or number in right
    }


def test_processes_give_the_same_rows_as_one(made, undisturbed, tmp_path):
    run_plan(made, tmp_path / "store", "local", Resources(workers=2))
    with Store(tmp_path / "store") as store:
        assert rows_of(store) == undisturbed


NURSERY = """
import os, sys
os.environ["OMP_NUM_THREADS"] = "1"  # a pool of threads does not survive a fork
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from small_runs import configuration
from agcam.evaluation import run_plan, plan

made = plan(configuration(Path(sys.argv[2]), batch_size=1))  # once for all that will die
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        run_plan(made, sys.argv[3])
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_run_killed_at_random_again_and_again_ends_with_the_same_rows(
    laid_out, made, undisturbed, tmp_path
):
    """Processes are killed (SIGKILL) at random moments after one more shard; the last goes on."""
    chance, path, seen = random.Random(0), tmp_path / "store", [0]
    command = [sys.executable, "-c", NURSERY, str(Path(__file__).parent), str(laid_out), str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as nursery:
        for _ in range(KILLS):
            nursery.stdin.write("go\n")
            nursery.stdin.flush()
            child = int(nursery.stdout.readline())
            begun = time.monotonic()
            while shards_of(path) <= seen[-1]:
                time.sleep(0.002)
                assert time.monotonic() < begun + 120, "a shard takes a second, not minutes"
            time.sleep(chance.random() * seconds_of_a_shard(path) / 2)
            os.kill(child, signal.SIGKILL)
            seen.append(shards_of(path))
        nursery.stdin.close()
    assert seen[-1] < PICTURES, "the run was over before it had been killed so often"
    assert run_plan(made, path).finished
    with Store(path) as store:
        assert len(store.runs()) == 1
        assert rows_of(store) == undisturbed


def seconds_of_a_shard(path):
    with Store(path, create=False) as store:
        run = store.run()
    return run.cost["seconds"] / run.done


def shards_of(path):
    if not path.exists():
        return 0
    try:
        with Store(path, create=False) as store:
            runs = store.runs()
    except RunError:
        return 0
    return runs[0].done if runs else 0
