"""How much of a plant can a map have that has one number for each patch?

    python benchmarks/planted_ceiling.py ROWS.jsonl

For the planted pictures of ROWS.jsonl (benchmarks/second_table.py or planted_evidence.py), drawn
and judged as there. No model is run: where a plant lies follows from the picture's name. *exact*:
each patch has the share of its pixels that are the plant's, which is all that there is to know on
the grid; then the same to powers; *one patch*: only the patch whose drawing lies on the plant most.
"""

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image
from planted import SIDE, place, plant

from agcam.maps.pixels import resize_map

PATCH = {"demo": 16, "dinov2": 14}  # pixels of a patch's side
POWERS = (1, 2, 3)


def ceilings(item, patch):
    """What maps that know the plant's place have of it: exact, to powers, and one patch."""
    _, mask = plant(Image.new("RGB", (SIDE, SIDE)), item.split()[0].split("-")[1], place(item))
    cells = SIDE // patch
    own = mask.reshape(cells, patch, cells, patch).mean((1, 3))
    single = np.eye(cells**2).reshape(-1, cells, cells)
    maps = resize_map(np.concatenate([[own**power for power in POWERS], single]), SIDE)
    shares = (maps * mask).sum((1, 2)) / maps.sum((1, 2))
    return [*shares[: len(POWERS)], shares[len(POWERS) :].max()]


def table(path):
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    found = defaultdict(set)
    for row in rows:
        if row.get("set", "planted") == "planted" and "share" in row:
            item = row["item"] if "set" in row else f"{row['trial']} {row['item']}"
            kind = item.split()[0].split("-")[1]
            found[row["model"], kind].add(item)
            found[row["model"], "all"].add(item)
    names = ["exact", *(f"exact^{power}" for power in POWERS[1:]), "one patch"]
    for (model, kind), items in sorted(found.items()):
        best = np.mean([ceilings(item, PATCH[model]) for item in sorted(items)], axis=0)
        some = ", ".join(f"{name} {value:.3f}" for name, value in zip(names, best, strict=True))
        print(f"{model}, {kind}, {len(items)} pictures: {some}")


if __name__ == "__main__":
    table(Path(sys.argv[1]))
