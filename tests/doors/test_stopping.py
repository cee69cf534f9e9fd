"""Commands and their workers end soon, whatever stops them: real processes, really killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from agcam.cli import app
from processes import SOON, free_port, until

HERE = Path(__file__).parent
ROOMS = HERE.parent / "rooms"
sys.path.insert(0, str(ROOMS))
PICTURES = 12  # more than are judged between a look at the store and the signal

DRIVER = """
import sys
from functools import partial
from pathlib import Path
import engine_workers
from agcam.cli import stopping
from agcam.engines import ENGINES, Resources

if __name__ == "__main__":
    stopping.install()
    start = partial(getattr(engine_workers, sys.argv[2]), Path(sys.argv[1]))
    try:
        list(ENGINES["local"](Resources(workers=2)).run(start, range(8)))
    except KeyboardInterrupt:
        raise SystemExit(stopping.stopped())
"""

COMMAND = """
import atexit, hashlib, sys, time
import agcam.families
from agcam.cli import main

HOW = sys.argv.pop()
atexit.register(print, "Python ends slowly", file=sys.stderr)

def load(*_, **__):
    print("loading now", flush=True)
    if HOW == "one step":
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**11 // 60)
    while HOW == "deaf":
        try:
            time.sleep(0.1)
        except BaseException:
            pass
    time.sleep(1000)

agcam.families.load = load
main()
"""


def python(*arguments):
    path = [str(ROOMS), str(HERE.parent.parent / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,  # a terminal's Ctrl+C reaches a whole group of processes
    )


def still_running(processes):
    """Those that have not ended within SOON; one that has but was not waited for has ended.

    An orphan is waited for by the first process of the machine or container, whenever that may be.
    """
    end = time.monotonic() + SOON
    while left := [process for process in processes if runs(process)]:
        if time.monotonic() > end:
            return left
        time.sleep(0.05)
    return []


def runs(process):
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def started():
    """Start processes; at the end nothing of them is left, however the test went."""
    running = []

    def start(*arguments):
        running.append(python(*arguments))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize(
    ("work", "how"),
    [
        ("busy", signal.SIGINT),
        ("holding", signal.SIGTERM),
        ("busy", signal.SIGKILL),
        ("holding", signal.SIGKILL),
    ],
)
def test_no_worker_outlives_its_driver(how, work, started, tmp_path):
    """Workers are in the middle of one endless step when their driver alone is stopped."""
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    driver = started(script, tmp_path, work)
    until(lambda: len(list(tmp_path.glob("*.pid"))) == 2, "workers did not start")
    family = [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
    assert {int(path.stem) for path in tmp_path.glob("*.pid")} < {one.pid for one in family}
    os.kill(driver.pid, how)
    assert still_running(family[1:]) == []
    shown = driver.communicate(timeout=SOON)[1]
    assert driver.returncode == (-how if how == signal.SIGKILL else 128 + how)
    assert shown.count("agcam: stopped") == (how != signal.SIGKILL)
    assert "Traceback" not in shown


def test_ctrl_c_of_a_terminal_reaches_everybody_and_prints_one_line(started, tmp_path):
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    driver = started(script, tmp_path, "busy")
    until(lambda: len(list(tmp_path.glob("*.pid"))) == 2, "workers did not start")
    family = psutil.Process(driver.pid).children(recursive=True)
    os.killpg(driver.pid, signal.SIGINT)
    assert still_running(family) == []
    shown = driver.communicate(timeout=SOON)[1]
    assert driver.returncode == 130
    assert shown.strip().splitlines()[-1].startswith("agcam: stopped; ")
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("command", "kind", "how"),
    [
        ("explain", "one step", signal.SIGTERM),
        ("compare", "deaf", signal.SIGINT),
        ("evaluate", "asleep", signal.SIGINT),
        ("serve", "asleep", signal.SIGTERM),
    ],
)
def test_every_command_is_stopped_by_one_signal(command, kind, how, started, tmp_path):
    """In the main thread's one step of hours, in code that swallows exceptions, and while idle."""
    (tmp_path / "a.png").write_bytes(b"")
    (tmp_path / "set/cat").mkdir(parents=True)
    (tmp_path / "set/cat/a.png").write_bytes(b"")
    arguments = {
        "explain": ["explain", tmp_path / "a.png", "--out", tmp_path / "out"],
        "compare": ["compare", tmp_path / "a.png", "--out", tmp_path / "out"],
        "evaluate": ["evaluate", "folder", tmp_path / "set", "--store", tmp_path / "store"],
        "serve": ["serve", "--port", free_port()],
    }[command]
    process = started("-c", COMMAND, *arguments, kind)
    assert any("loading now" in line for line in process.stdout), process.stderr.read()
    os.kill(process.pid, how)
    begun = time.monotonic()
    shown = process.communicate(timeout=SOON)[1]
    assert time.monotonic() - begun < SOON
    assert process.returncode == 128 + how
    assert "Traceback" not in shown
    assert "Python ends slowly" not in shown  # with torch that takes seconds, which nothing bounds
    assert shown.strip().splitlines()[-1].startswith("agcam: stopped; ")
    assert shown.count("stopped") == 1


def test_an_evaluation_that_is_stopped_states_how_to_continue_and_continues(started, tmp_path):
    from small_runs import lay_out

    lay_out(tmp_path, pictures=PICTURES)
    command = [
        *("-m", "agcam", "evaluate", "csv", tmp_path / "boxes.csv", "--arch", "timm:test_vit"),
        *("--model", tmp_path / "weights.pth", "--classes", tmp_path / "names.txt"),
        *("--metrics", "abpc", "--workers", "2", "--batch-size", "1", "--methods", "agcam"),
        *("--store", tmp_path / "store"),
    ]
    first = started(*command)
    until(lambda: shards_in(tmp_path / "store"), "no shard was done")
    family = psutil.Process(first.pid).children(recursive=True)
    first.terminate()
    assert still_running(family) == []
    shown = first.communicate(timeout=SOON)[1].strip().splitlines()[-1]
    assert first.returncode == 143
    done = shards_in(tmp_path / "store")
    assert 0 < done < PICTURES
    assert f"agcam: stopped; {done} of {PICTURES} shards are in " in shown
    assert "continues from there" in shown
    second = CliRunner().invoke(app, [*map(str, command[2:]), "--workers", "1"])
    assert second.exit_code == 0, second.output
    assert f"{done} of {PICTURES} shards are in" in second.output
    assert f"{PICTURES} samples judged, 0 failures" in second.output


def shards_in(path):
    from agcam import RunError
    from agcam.records import Store

    if not path.exists():
        return 0
    try:
        with Store(path, create=False) as store:
            return sum(run.done for run in store.runs())
    except RunError:
        return 0
