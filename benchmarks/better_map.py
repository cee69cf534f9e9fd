"""Every method of the table beside `agcam_spread`, at the tests of docs/better-map.md.

    python benchmarks/better_map.py ROWS.jsonl --data FOLDER [--model demo] [--minutes 25]
    python benchmarks/better_map_table.py ROWS.jsonl > docs/better-map-tables.md

Adds a row for each picture, class and method to ROWS.jsonl; stopped and started again it goes on
where it was, so that a new method of the table costs its own rows only. The sets take turns:
whatever the time allows is spread over all of them. The table has means, bootstrap 95 % intervals
and paired differences. Pictures of tiny-imagenet and coco take part only if `sha256(file name)` is
odd; the even ones were tuned on, and are had with `--part tune`. `--methods NAME^P` takes a
method's positive part to the power P.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from better_map_models import MODELS
from better_map_pictures import SETS, SIDE, in_turn

from agcam import metrics
from agcam.evaluation.perturbation import removed_counts
from agcam.evaluation.probing import Probe, Prober, rank_of
from agcam.methods import METHODS
from agcam.metrics.boxes import exact_mask, one_too_large_mask
from agcam.metrics.localization import compare, predicted_boxes
from agcam.metrics.max_box import best_box_ious
from agcam.tracing import evaluation_mode, trace
from agcam.values import BoxCase, CurveCase

THRESHOLDS = np.arange(0.05, 1, 0.1)
# methods that ask the model thousands of times are named with --methods
TRACED = [name for name, row in METHODS.items() if not row.needs.black_box]


def localized(relevance, boxes):
    """All that boxes judge."""
    case, shape = BoxCase(relevance, boxes), relevance.shape
    truth = one_too_large_mask(boxes, shape)
    cut = [
        compare(one_too_large_mask(predicted_boxes(case, threshold), shape), truth).iou
        for threshold in THRESHOLDS
    ]
    paper = metrics.METRICS
    predicted = exact_mask(predicted_boxes(case), shape)
    names = {
        "pixel accuracy": "paper_pixel_accuracy",
        "IoU": "paper_iou",
        "Dice": "paper_dice",
        "energy": "energy_pointing_game",
        "pointing": "pointing_game",
        "covered": "instances_covered",
        "found": "instances_found",
    }
    return {
        **{ours: float(paper[name].function(case)) for ours, name in names.items()},
        "IoU at": [round(value, 4) for value in cut],
        "box at": [round(float(value), 4) for value in best_box_ious(case, THRESHOLDS)],
        "covered, same area": covered_at_the_area_of_truth(relevance, boxes),
        "shown": float(predicted.mean()),
        "boxes": len(boxes),
    }


def covered_at_the_area_of_truth(relevance, boxes):
    """Share of the boxes at least half covered, every map showing as much as the boxes hold.

    A map that shows the whole picture covers every box; here each may show its strongest pixels
    only, as many as the boxes have. Equal values that would be too many are all left out.
    """
    truth = exact_mask(boxes, relevance.shape)
    least = np.partition(relevance.ravel(), -int(truth.sum()))[-int(truth.sum())]
    shown = relevance > least
    return float(
        np.mean([shown[exact_mask(box[None], shown.shape)].mean() >= 0.5 for box in boxes])
    )


def perturbed(model, pixels, relevance, target):
    """ABPC by the paper's protocol; probabilities in bfloat16, the same for every method."""
    orders = ("morf", "lerf")
    ranks = torch.cat([rank_of(torch.from_numpy(relevance)[None], order) for order in orders])
    counts = [0, *removed_counts(SIDE * SIDE), SIDE * SIDE]
    probes = [Probe(0, rank, 0, count) for rank in range(len(orders)) for count in counts]
    prober = Prober(model.classifier, 3, torch.bfloat16)  # more at once is no faster here
    logits = prober.logits(pixels, torch.zeros_like(pixels), ranks, probes)
    case = CurveCase(*logits.float().softmax(-1)[:, target].reshape(len(orders), -1).numpy())
    return {name: float(metrics.METRICS[name].function(case)) for name in ("morf", "lerf", "abpc")}


def to_pixels(grid_map, grid):
    square = grid_map.reshape(1, 1, grid.rows, grid.columns).double()
    return F.interpolate(square, size=(SIDE, SIDE), mode="bilinear")[0, 0].numpy()


def own_cell_share(relevance, cell):
    """The grid pointing game (Boehle et al., CVPR 2021) of 2 x 2 cells: the energy in one's own."""
    (top, left), half = divmod(cell, 2), SIDE // 2
    box = np.array([[left * half, top * half, (left + 1) * half, (top + 1) * half]])
    return float(metrics.METRICS["energy_pointing_game"].function(BoxCase(relevance, box)))


def judge(name, model, pixels, relevance, target, boxes, index):
    if name.startswith("mosaic"):
        return {"own cell": own_cell_share(relevance, index)}
    if name.startswith("abpc"):
        return perturbed(model, pixels, relevance, target)
    return localized(relevance, boxes)


def rows_of(name, model, item, wanted):
    """One row for each class and method; none if the protocol leaves the picture out."""
    file, picture, targets, truths = item
    pixels = model.pixels(picture)
    with evaluation_mode(model.classifier.module):
        session = trace(
            model.classifier,
            pixels,
            list({base_of(m)[0]: METHODS[base_of(m)[0]] for m in wanted}.values()),
        )
        said = int(session.recording.logits.argmax())
        if name == "tiny" and said != targets[0]:
            return [{"set": name, "item": file, "method": each, "left out": 1} for each in wanted]
        maps = maps_of(session, [said if t is None else t for t in targets], wanted)
    rows = []
    for (method, index), relevance in maps.items():
        target, boxes = targets[index], truths[index]
        values = judge(name, model, pixels, relevance, target, boxes, index)
        head = {"set": name, "item": file, "index": index, "method": method}
        rows.append({**head, "right": said == target, **values})
    return rows


def maps_of(session, targets, wanted):
    """Every method's map of every class; methods that need the same evidence share it."""
    maps = {}
    for index, target in enumerate(targets):
        asked = {}
        for method in wanted:
            name, power = base_of(method)
            row = METHODS[name]
            if row.needs not in asked:
                asked[row.needs] = session.trace(row, torch.tensor([target]))
            relevance = row.function(asked[row.needs])[0].detach()
            if power is not None:
                relevance = (relevance / relevance.max()).clamp(min=0) ** power
            maps[method, index] = to_pixels(relevance, session.recording.grid)
    return maps


def base_of(method):
    """`NAME^POWER` as both; a name alone has no power, and its map stays as it is."""
    name, _, power = method.partition("^")
    return name, float(power) if power else None


def known(method):
    _ = METHODS[base_of(method)[0]]
    return method


def run(given):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(given.threads)
    model = MODELS[given.model](given.data)
    end = time.monotonic() + 60 * given.minutes
    done = set()
    if given.rows.exists():
        with given.rows.open() as file:
            rows = [json.loads(line) for line in file]
        done = {(row["set"], row["item"], row["method"]) for row in rows}
    for name, item in in_turn(given.sets, given.data, model, given.part):
        wanted = [m for m in given.methods if (name, item[0], m) not in done]
        if time.monotonic() > end:
            return
        if wanted:
            rows = rows_of(name, model, item, wanted)
            with given.rows.open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", choices=MODELS, default="demo")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--methods", nargs="+", type=known, default=TRACED)
    return parser.parse_args()


if __name__ == "__main__":
    run(parse())
