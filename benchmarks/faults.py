"""Runs that are stopped, stores that are damaged, names and annotations of every kind, at random.

    python benchmarks/faults.py [--only WORD ...] [--stops N] [--stores N] [--reports N] [--names N]
                                [--inputs N] [--folders N] [--seed N]

Prints for each kind how many inputs were tried, how many faults there were, and how many rows were
lost. What a fault is stands with each function. `benchmarks/attack_server.py` does the same to the
server. Linux; needs `agcam[all]` and psutil.
"""

import argparse
import csv
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "rooms"))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of several processes wait for each other

import numpy as np
from annotation_attacks import ATTACKS
from PIL import Image
from small_runs import lay_out
from small_stores import CONFIGURATION, damaged, filled, shard_rows
from stopped_runs import Count, evaluate, stops
from typer.testing import CliRunner

from agcam.addresses import Place
from agcam.cli import app
from agcam.metrics import METRICS
from agcam.records import Store, csv_files, read_results, summarize
from agcam.wording import printable

HERE = Path(__file__).parent
ROOMS = HERE.parent / "tests" / "rooms"
MOST_SHARDS = 2000  # that are written while a run is reported


def stores(options, folder):
    """A store of 40 samples is damaged and reported.

    Faults: anything but a report, or one sentence and exit status 1; a row that was never stored.
    """
    faults = []
    filled(folder / "whole").close()
    with Store(folder / "whole", create=False) as store:
        known = {(r.sample, r.method, r.metric) for r in store.records("key")}
    for seed in range(options.seed, options.seed + options.stores):
        here = folder / str(seed)
        here.mkdir()
        shutil.copyfile(folder / "whole", here / "store")
        kind = damaged(here / "store", seed)
        for wanted in (["runs"], ["report", "--no-pictures", "--out", str(here / "out")]):
            done = CliRunner().invoke(app, [wanted[0], str(here / "store"), *wanted[1:]])
            lines = [line for line in done.stderr.splitlines() if line.startswith("agcam: ")]
            if not isinstance(done.exception, SystemExit | None) or len(lines) != done.exit_code:
                faults.append(f"seed {seed}, {kind}, {wanted[0]}: {done.exception!r}, {lines}")
        for path in here.glob("out/rows.csv"):
            rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
            found = {(int(row["sample"]), row["method"], row["metric"]) for row in rows}
            faults += [f"seed {seed}, {kind}: invented {row}" for row in found - known]
        shutil.rmtree(here)
    return Count(options.stores, faults)


def reports(options, folder):
    """A run is reported while it is written. Faults: an exception, rows of different moments."""
    filled(folder / "store", shards=1).close()
    stop_now, faults, tried = threading.Event(), [], 0

    def write():
        with Store(folder / "store") as store:
            store.begin("later", CONFIGURATION, MOST_SHARDS)
            for shard in range(MOST_SHARDS):
                store.append("later", shard, shard_rows(shard))
                if stop_now.wait(0.02):
                    return

    writer = threading.Thread(target=write)
    writer.start()
    while tried < options.reports:
        try:
            with Store(folder / "store", create=False) as store, store.snapshot():
                results = read_results(store)
                texts = csv_files(store, results, summarize(results, METRICS))
                rows = len(texts["rows.csv"].splitlines()) - 1
                made = sum(len(shard_rows(shard).records) for shard in range(results.run.done))
                if store.damage.number or rows != made:
                    faults.append(f"{rows} rows of {made}, {store.damage}")
        except Exception as error:
            faults.append(repr(error))
        tried += 1
    stop_now.set()
    writer.join()
    return Count(tried, faults)


def names(options, folder):
    """Pictures of random names are judged. Rows lost: names that are not in the store."""
    generator, wanted = random.Random(options.seed), set()
    lay_out(folder, pictures=1)
    (folder / "set" / "class 1").mkdir(parents=True)
    while len(wanted) < options.names:
        name = (
            bytes(generator.choice([*range(1, 47), *range(48, 256)]) for _ in range(12)) + b".png"
        )
        if not name.startswith(b"."):
            shutil.copyfile(folder / "00.png", folder / "set/class 1" / os.fsdecode(name))
            wanted.add(b"class 1/" + name)
    arguments = evaluate(folder, folder / "store", "--workers", "1", "--metrics", "abpc")
    arguments[1:3] = ["folder", str(folder / "set")]
    faults = []
    for command in (arguments, ["report", str(folder / "store"), "--out", str(folder / "out")]):
        done = CliRunner().invoke(app, command)
        if done.exit_code or "\x1b" in done.output:
            faults.append(f"{command[0]}: {done.exception!r}: {printable(done.output[-300:])}")
    with Store(folder / "store", create=False) as store:
        found = {os.fsencode(row.name) for row in store.samples(store.run().key)}
    return Count(options.names, faults, len(wanted ^ found))


def annotations(options, folder):
    """Annotation files of every layout, bent; see annotation_fuzz.py and annotation_attacks.py."""
    faults, tried = [], 0
    for number in range(4):
        (folder / str(number)).mkdir()
        fuzz = HERE / "annotation_fuzz.py"
        given = [folder / str(number), options.seed + number, options.inputs // 4]
        done = subprocess.run(
            [sys.executable, fuzz, *map(str, given)], capture_output=True, check=False
        )
        found = json.loads(done.stdout or b'{"tried": 0, "faults": ["the process died"]}')
        faults, tried = faults + found["faults"], tried + found["tried"]
    done = subprocess.run(
        [sys.executable, ROOMS / "annotation_attacks.py", folder], capture_output=True, check=True
    )
    for name, found in json.loads(done.stdout).items():
        wanted = ATTACKS[name][2]
        failed = sorted(found.get("failed", {}))
        if wanted == "set":
            as_wanted = bool(found.get("set"))
        elif wanted is None:  # one or the other
            as_wanted = bool(found.get("set") or failed)
        else:
            as_wanted = "fault" not in found and failed == sorted(wanted)
        if not as_wanted:
            faults.append(f"{name}: {found}")
    return Count(tried + len(ATTACKS), faults)


def folders(options, folder):
    """Folders with random links to each other. Faults: a picture twice, one missed, a minute."""
    generator, faults = random.Random(options.seed), []
    picture = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(picture, "PNG")
    for number in range(options.folders):
        root, made = folder / str(number), set()
        places = [root / "a"]
        for at in range(generator.randrange(2, 10)):
            places.append(generator.choice(places) / f"f{at}")
        for place in places:
            place.mkdir(parents=True, exist_ok=True)
            (place / "p.png").write_bytes(picture.getvalue())
            made.add((place / "p.png").relative_to(root).as_posix())
        for link in range(generator.randrange(1, 20)):
            (generator.choice(places) / f"l{link}").symlink_to(generator.choice([root, *places]))
        begun = time.monotonic()
        found, _ = Place(str(root)).walk("", (".png",))
        if sorted(found) != sorted(made) or time.monotonic() - begun > 60:
            faults.append(f"{number}: {len(found)} pictures of {len(made)}")
    return Count(options.folders, faults)


KINDS = {
    "runs stopped": stops,
    "stores damaged": stores,
    "reports of a running run": reports,
    "names of files": names,
    "annotation files": annotations,
    "folders with links": folders,
}


def main():
    """Try every kind, and print a table and what the faults were."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", default=list(KINDS))
    for name, number in (
        *(("stops", 20), ("stores", 200), ("reports", 100)),
        *(("names", 100), ("inputs", 20_000), ("folders", 200), ("seed", 0)),
    ):
        parser.add_argument(f"--{name}", type=int, default=number)
    options = parser.parse_args()
    print("| kind | tried | faults | rows lost | seconds |\n|---|---|---|---|---|", flush=True)
    everything = []
    for name, trial in KINDS.items():
        if any(word in name for word in options.only):
            with tempfile.TemporaryDirectory() as folder:
                begun = time.monotonic()
                done = trial(options, Path(folder))
            line = f"| {name} | {done.tried:,} | {len(done.faults)} | {done.rows_lost} |"
            print(f"{line} {time.monotonic() - begun:.0f} |", flush=True)
            everything += [f"{name}: {fault}" for fault in done.faults]
    print("\n".join(everything[:50]))
    return bool(everything)


if __name__ == "__main__":
    sys.exit(main())
