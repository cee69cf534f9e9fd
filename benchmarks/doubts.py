"""Does the note on maps that disagree predict a map that is wrong? By annotated boxes.

    python benchmarks/doubts.py ROWS.jsonl --data FOLDER [--part tune] [--tiny 50]

A map shows the wrong half of a picture if its pixels in the boxes rank below the others (area under
the ROC curve below one half). Adds a row for each picture, and prints how many maps are wrong where
`agcam` and `agcam_spread` agree little, and elsewhere. Tiny ImageNet's pictures count if they are
predicted correctly, photographs always.
"""

import argparse
import itertools
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from second_table_models import demo
from second_table_pictures import SIDE, photographs, tiny

from agcam.explainer.doubts import SIGNED, UNSURE, WITHOUT_SIGN, agreement
from agcam.maps.pixels import resize_map
from agcam.methods import METHODS
from agcam.metrics.boxes import exact_mask
from agcam.tracing import evaluation_mode, trace

PAIR = (SIGNED, WITHOUT_SIGN)


def curve_area(relevance, truth):
    """The chance that a pixel inside ranks above one outside; NaN without one of them."""
    _, place, counts = np.unique(relevance, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[place.reshape(truth.shape)]
    inside, outside = int(truth.sum()), int((~truth).sum())
    above = ranks[truth].sum() - inside * (inside + 1) / 2
    return float(above / (inside * outside)) if inside and outside else float("nan")


def row_of(model, item):
    pixels, rows = model.pixels(item.picture), [METHODS[name] for name in PAIR]
    with evaluation_mode(model.classifier.module):
        session = trace(model.classifier, pixels, rows)
        predicted = int(session.recording.logits.argmax())
        target = predicted if item.targets[0] is None else item.targets[0]
        grid = session.recording.grid
        maps = [
            session.relevance(row, torch.tensor([[target]])).reshape(1, 1, grid.rows, grid.columns)
            for row in rows
        ]
    truth = exact_mask(item.truths[0], (SIDE, SIDE))
    areas = [curve_area(resize_map(one[0, 0].double().numpy(), SIDE), truth) for one in maps]
    found = {"agreement": float(agreement(*maps)), "right": predicted == target}
    return found | dict(zip(PAIR, areas, strict=True))


def run(given):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(given.threads)
    kept = given.rows.read_text().splitlines() if given.rows.exists() else []
    done, model = {json.loads(line)["item"] for line in kept}, demo(given)
    some = [("tiny", item) for item in itertools.islice(tiny(given, model), given.tiny)]
    if given.part == "report":  # nothing is tuned on photographs
        few = itertools.islice(photographs(given, model), given.photographs)
        some += [("photographs", item) for item in few]
    for name, item in some:
        if item.name not in done:
            head = {"item": item.name, "part": given.part, "set": name}
            with given.rows.open("a") as file:
                file.write(json.dumps({**head, **row_of(model, item)}) + "\n")


def table(given):
    rows = [json.loads(line) for line in given.rows.read_text().splitlines()]
    rows = [row for row in rows if row["part"] == given.part and np.isfinite(row[SIGNED])]
    rows = [row for row in rows if row["right"] or row["set"] == "photographs"]
    wrong = {name: np.array([row[name] < 0.5 for row in rows]) for name in PAIR}
    wrong["one of them"] = np.any(list(wrong.values()), axis=0)
    noted = np.array([row["agreement"] < UNSURE for row in rows])
    print(f"{len(rows)} maps, {noted.sum()} with the note\n")
    print("| wrong half | maps | with the note | precision | recall |\n|---|---|---|---|---|")
    for name, found in wrong.items():
        both = (found & noted).sum()
        shares = (both / max(some.sum(), 1) for some in (noted, found))
        print(f"| {name} | {found.sum()} | {both} | {' | '.join(f'{s:.2f}' for s in shares)} |")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--tiny", type=int, default=50)
    parser.add_argument("--photographs", type=int, default=12)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    given = parse()
    run(given)
    table(given)
