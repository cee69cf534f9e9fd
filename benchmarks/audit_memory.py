"""What finding reasons takes in memory, on a made-up scan: `audit_memory.py FOLDER --pictures N`.

The scan has random features; one class in ten has a mark of its own; of sixteen pictures of each
class all patches are kept, as a scan keeps them. Prints seconds and the peak of the process's own
memory (files that are mapped are the system's to keep or to drop).
"""

import argparse
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from agcam.auditing.exclusive import exclusives
from agcam.auditing.reasons import reasons_of
from agcam.auditing.seen import Seen
from agcam.auditing.suspicion import suspicions
from agcam.auditing.values import TOP_K, Patches, Pictures
from agcam.values import Grid

GRID = Grid(14, 14, 0)
WHOLE = 16  # pictures of each class of which all patches are kept
AT_ONCE = 50_000


def columns(folder, count, classes, dim):
    """Columns on disk, as a scan leaves them."""
    number = np.arange(count, dtype=np.int32)
    kept = np.where(number < WHOLE * classes, GRID.patches, TOP_K)
    ends = np.cumsum(kept)
    shapes = {
        "predicted_map": (np.float32, (count, GRID.rows, GRID.columns)),
        "features": (np.float16, (ends[-1], dim)),
        "colours": (np.uint8, (ends[-1], 48)),
    }
    made = {
        name: open_memmap(folder / f"{name}.npy", "w+", kind, shape)
        for name, (kind, shape) in shapes.items()
    }
    draw = np.random.default_rng(0)
    label = (np.arange(count) % classes).astype(np.int32)
    parts, marks = draw.normal(size=(2, classes, 4, dim))
    place = np.zeros(ends[-1], np.int32)
    relevance = np.zeros(ends[-1], np.float32)
    for start in range(0, count, AT_ONCE):
        own = np.repeat(label[start : start + AT_ONCE], kept[start : start + AT_ONCE])
        rows = slice(ends[start] - kept[start], ends[start] - kept[start] + len(own))
        firsts = (ends - kept)[start : start + AT_ONCE] - rows.start
        rank = np.arange(len(own)) - np.repeat(firsts, kept[start : start + AT_ONCE])
        features = 0.8 * parts[own, draw.integers(4, size=len(own))] * (rank < TOP_K)[:, None]
        features += 0.6 * draw.normal(size=features.shape)
        marked = firsts[own[firsts] % 10 == 0]
        features[marked] = marks[own[marked], 0] + 0.2 * draw.normal(size=(len(marked), dim))
        made["features"][rows] = features
        place[rows], relevance[rows] = rank, 1 / (rank + 2)
    pictures = Pictures(
        number=number,
        label=label,
        predicted=label,
        probability=np.ones((count, 2), np.float32),
        predicted_map=made["predicted_map"],
        label_map=made["predicted_map"],
        truth=made["predicted_map"],
        frame=np.zeros((count, 6), np.float32),
        tone=draw.uniform(0.2, 0.7, (count, 6)).astype(np.float32),
    )
    patches = Patches(
        np.repeat(number, kept),
        np.repeat(label, kept),
        place,
        relevance,
        made["features"],
        made["colours"],
    )
    return pictures, patches


def own_memory():
    """MiB that the process holds beside mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def greatest_memory(done):
    """The most that the process holds until `done` is set."""
    most = own_memory()
    while not done.wait(0.1):
        most = max(most, own_memory())
    return most


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--dim", type=int, default=768)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    seen = Seen(*columns(given.folder, given.pictures, given.classes, given.dim))
    before, began, done = own_memory(), time.perf_counter(), threading.Event()
    with ThreadPoolExecutor(1) as executor:
        peak = executor.submit(greatest_memory, done)
        exclusive = exclusives(seen)
        reasons = {
            target: reasons_of(target, seen, GRID, exclusive.get(target))
            for target in range(given.classes)
        }
        weighed = suspicions(reasons, seen, exclusive)
        done.set()
    worst = {
        one: max((weighed[one, each.number].score for each in some), default=0)
        for one, some in reasons.items()
    }
    first = sorted(worst, key=lambda one: -worst[one])[: given.classes // 10]
    print(
        f"{given.pictures} pictures, {given.classes} classes: {time.perf_counter() - began:.0f} s, "
        f"{before:.0f} MiB before, {peak.result():.0f} MiB at most; marked classes among the first "
        f"{len(first)}: {sum(one % 10 == 0 for one in first)}"
    )


if __name__ == "__main__":
    main()
