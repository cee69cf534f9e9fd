"""Evaluations that are stopped at random moments; `benchmarks/faults.py` runs it."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "rooms"))

import psutil
from small_runs import lay_out, rows_of

from agcam import RunError
from agcam.records import Store

SECONDS = 5.0  # that anything may live on after it was stopped
START = 300.0
PICTURES = 12


class Count(NamedTuple):
    """What was tried, what went wrong, and rows that are gone or another."""

    tried: int
    faults: list
    rows_lost: int = 0


def evaluate(folder, store, *more):
    """The arguments of a small evaluation by two workers."""
    return [
        *("evaluate", "csv", str(folder / "boxes.csv"), "--arch", "timm:test_vit"),
        *("--model", str(folder / "weights.pth"), "--classes", str(folder / "names.txt")),
        *("--metrics", "abpc,pointing_game", "--methods", "agcam", "--batch-size", "1"),
        *("--workers", "2", "--store", str(store), *more),
    ]


def stored(path):
    """The rows of the store's last run, samples first."""
    with Store(path, create=False) as store:
        return rows_of(store)


def shards(path):
    """How many are in the store."""
    try:
        with Store(path, create=False) as store:
            return store.run().done
    except RunError:
        return 0


def stops(options, folder):
    """An evaluation is stopped at random moments and started again until it is done.

    Faults: it, or a worker, lives on after SECONDS; another exit status than the signal's; no line
    that says how to go on; a traceback. Rows lost: those not as in a run that nobody stopped.
    """
    generator, faults, lost = random.Random(options.seed), [], 0
    lay_out(folder, pictures=PICTURES)
    subprocess.run(command(evaluate(folder, folder / "whole")), check=True, capture_output=True)
    whole, number, tried, store = stored(folder / "whole"), 0, 0, folder / "0"
    while tried < options.stops or shards(store) < PICTURES:
        process = subprocess.Popen(
            command(evaluate(folder, store)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        before, end = shards(store), time.monotonic() + START
        stopping = tried < options.stops
        while stopping and process.poll() is None and shards(store) <= before:
            time.sleep(0.05)
            assert time.monotonic() < end
        time.sleep(generator.random() * 0.3 * stopping)
        if stopping and process.poll() is None:
            tried += 1
            how = generator.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
            faults += stop(process, how, store)
        process.communicate(timeout=START)
        if shards(store) == PICTURES:
            lost += differences(whole, stored(store))
            if tried < options.stops:
                number, store = number + 1, folder / str(number + 1)
    return Count(tried, faults, lost)


def command(arguments):
    """The command line, as a process."""
    return [sys.executable, "-m", "agcam", *arguments]


def stop(process, how, store):
    """Send a signal, and say what did not end as it should."""
    family = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, how)
    faults = []
    try:
        shown = process.communicate(timeout=SECONDS)[1]
    except subprocess.TimeoutExpired:
        faults.append(f"{how.name}: the driver lives on")
        os.killpg(process.pid, signal.SIGKILL)
        shown = process.communicate()[1]
    _, alive = psutil.wait_procs(family, timeout=SECONDS)
    faults += [f"{how.name}: {worker} lives on" for worker in alive]
    if how != signal.SIGKILL and process.returncode and shards(store) < PICTURES:
        if process.returncode != 128 + how:
            faults.append(f"{how.name}: exit status {process.returncode}")
        if "agcam: stopped" not in shown:
            faults.append(f"{how.name}: no word of how to go on")
    return faults + [f"{how.name}: a traceback"] * ("Traceback" in shown)


def differences(first, second):
    """Rows that are not in both."""
    return sum(len(set(a) ^ set(b)) for a, b in zip(first, second, strict=True))
