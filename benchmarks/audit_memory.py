"""What finding reasons takes in memory, on a made-up scan: `audit_memory.py FOLDER --pictures N`.

The scan has random features; one class in ten has a mark. Prints seconds and the peak of the
process's own memory (files that are mapped are the system's to keep or to drop).
"""

import argparse
import time
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
AT_ONCE = 50_000


def columns(folder, count, classes, dim):
    """Columns on disk, as a scan leaves them."""
    shapes = {
        "predicted_map": (np.float32, (count, GRID.rows, GRID.columns)),
        "features": (np.float16, (count * TOP_K, dim)),
        "colours": (np.uint8, (count * TOP_K, 48)),
    }
    made = {
        name: open_memmap(folder / f"{name}.npy", "w+", kind, shape)
        for name, (kind, shape) in shapes.items()
    }
    draw = np.random.default_rng(0)
    label = (np.arange(count) % classes).astype(np.int32)
    parts, mark = draw.normal(size=(2 * classes, 4, dim)), draw.normal(size=dim)
    for start in range(0, count, AT_ONCE):
        own = label[start : start + AT_ONCE]
        features = 0.8 * parts[own[:, None], draw.integers(4, size=(len(own), TOP_K))]
        features += 0.6 * draw.normal(size=features.shape)
        features[own % 10 == 0, 0] = mark + 0.2 * draw.normal(size=((own % 10 == 0).sum(), dim))
        made["features"][start * TOP_K : (start + len(own)) * TOP_K] = features.reshape(-1, dim)
    number = np.arange(count, dtype=np.int32)
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
        np.repeat(number, TOP_K),
        np.repeat(label, TOP_K),
        draw.integers(GRID.patches, size=count * TOP_K).astype(np.int32),
        np.full(count * TOP_K, 1 / TOP_K, np.float32),
        made["features"],
        made["colours"],
    )
    return pictures, patches


def own_memory():
    """MiB that the process holds beside mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


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
    before, began, peak, reasons = own_memory(), time.perf_counter(), 0, {}
    exclusive = exclusives(seen)
    for target in range(given.classes):
        reasons[target] = reasons_of(target, seen, GRID, exclusive.get(target))
        peak = max(peak, own_memory())
    weighed = suspicions(reasons, seen, exclusive)
    peak = max(peak, own_memory())
    worst = {
        one: max((weighed[one, each.number].score for each in some), default=0)
        for one, some in reasons.items()
    }
    first = sorted(worst, key=lambda one: -worst[one])[: given.classes // 10]
    print(
        f"{given.pictures} pictures, {given.classes} classes: {time.perf_counter() - began:.0f} s, "
        f"{before:.0f} MiB before, {peak:.0f} MiB at most; marked classes among the first "
        f"{len(first)}: {sum(one % 10 == 0 for one in first)}"
    )


if __name__ == "__main__":
    main()
