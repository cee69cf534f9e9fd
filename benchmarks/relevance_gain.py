"""Symmetric relevance gain (SRG) of many methods on the same pictures, on the demo model.

    python benchmarks/relevance_gain.py ROWS.jsonl --data FOLDER [--group 14] [--minutes 30]
    python benchmarks/relevance_gain.py ROWS.jsonl --table

Adds a row for each picture and method; stopped and started again it goes on where it was. All
methods of a picture share one recording, the untouched and the wholly replaced picture; perturbed
pictures go through the model in bfloat16, the same for every method. `--group` is how many patches
are replaced at a time: 2 is the metric `srg` itself (about 200 passes a picture and method), 14 an
approximation of the same areas with 26. Pictures of `imagenet-one-per-class` that the model
predicts rightly, and whose `sha256(file name)` is odd; the even ones are for tuning.
"""

import argparse
import hashlib
import json
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from better_map_models import demo
from better_map_pictures import part, squashed

from agcam.evaluation.probing import Probe, Prober, patch_ranks
from agcam.methods import METHODS
from agcam.metrics import METRICS
from agcam.tracing import evaluation_mode, trace
from agcam.values import LogitCase

SIDE = 224
ORDERS = ("morf", "lerf")
CHOSEN = (
    *("agcam", "agcam_spread", "agcam_focus", "agcam_evidence", "bicam", "legrad", "gae"),
    *("grad_cam_tokens", "lrp", "attn_lrp", "res_lrp", "libra_xgrad_cam_plus", "libra_attcat"),
    *("token_tm", "random"),
)
HEAD = "| method | SRG | 95 % | LIF | MIF | less {} | 95 % |\n|---|---|---|---|---|---|---|"


def pictures(data, model, which):
    """(name, path, class) in an order that has nothing to do with the names'."""
    files = sorted((data / "imagenet-one-per-class").iterdir(), key=lambda path: digest(path.name))
    for path in files:
        target = model.classes.get(path.name.partition("_")[0])
        if target is not None and part(path.name) == which:
            yield path, target


def digest(name):
    return hashlib.sha256(f"gain {name}".encode()).hexdigest()


def maps_of(model, pixels, target, names):
    """Every method's map (row, column); None where the class is not predicted."""
    with evaluation_mode(model.classifier.module):
        session = trace(model.classifier, pixels, [METHODS[name] for name in names])
        if int(session.recording.logits.argmax()) != target:
            return None
        grid, found = session.recording.grid, {}
        for name in names:
            row = METHODS[name]
            evidence = session.trace(row, torch.tensor([target]))
            found[name] = row.function(evidence)[0].detach().double().numpy()
            found[name] = found[name].reshape(grid.rows, grid.columns)
    return found


def gains(model, pixels, target, maps, group):
    """For each method its areas: {"mif": ..., "lif": ..., "srg": ...}."""
    grids = np.stack(list(maps.values()))
    ranks = torch.cat([patch_ranks(grids, order, (SIDE, SIDE)) for order in ORDERS])
    counts = list(range(group, grids[0].size, group))
    probes = [Probe(0, rank, 0, count) for rank in range(len(ranks)) for count in counts]
    prober, filling = Prober(model.classifier, 8, torch.bfloat16), torch.zeros_like(pixels)
    inner = prober.logits(pixels, filling, ranks, probes)[:, target].numpy()
    inner = inner.reshape(len(ORDERS), len(maps), len(counts))
    first, last = prober.batched(torch.cat([pixels, filling]))[:, target].tolist()
    curves = np.pad(inner, ((0, 0), (0, 0), (1, 1)))
    curves[..., 0], curves[..., -1] = first, last
    cases = [LogitCase(*curves[:, line]) for line in range(len(maps))]
    return {
        name: {metric: METRICS[metric].function(case) for metric in ("mif", "lif", "srg")}
        for name, case in zip(maps, cases, strict=True)
    }


def run(given):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(given.threads)
    model, end = demo(given.data), time.monotonic() + 60 * given.minutes
    done = {(row["picture"], row["method"], row["group"]) for row in rows_of(given.rows)}
    for path, target in pictures(given.data, model, given.part):
        if time.monotonic() > end:
            return
        left = [n for n in given.methods if (path.name, n, given.group) not in done]
        if not left:
            continue
        pixels = model.pixels(squashed(path))
        maps = maps_of(model, pixels, target, left)
        found = (
            dict.fromkeys(left) if maps is None else gains(model, pixels, target, maps, given.group)
        )
        with given.rows.open("a") as file:
            for name, values in found.items():
                head = {"picture": path.name, "part": given.part, "method": name}
                file.write(json.dumps({**head, "group": given.group, **(values or {})}) + "\n")


def rows_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def interval(values):
    """The mean and its bootstrap 95 % interval, over pictures."""
    draws = np.random.default_rng(0).choice(values, (5000, len(values))).mean(1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return f"{np.mean(values):.2f} | {low:.2f} to {high:.2f}"


def table(given):
    """Means of the pictures that all methods have, and differences from `--beside`."""
    kept = [r for r in rows_of(given.rows) if r["group"] == given.group and r["part"] == given.part]
    by_method = {}
    for row in kept:
        by_method.setdefault(row["method"], {})[row["picture"]] = row
    by_method = {name: found for name, found in by_method.items() if name in given.methods}
    every = set.intersection(*map(set, by_method.values()))
    names = sorted(name for name in every if "srg" in next(iter(by_method.values()))[name])
    print(f"{len(names)} pictures, groups of {given.group} patches\n")
    print(HEAD.format(given.beside))
    values = {
        name: {m: np.array([found[p][m] for p in names]) for m in ("srg", "lif", "mif")}
        for name, found in by_method.items()
    }
    for name in sorted(values, key=lambda name: -values[name]["srg"].mean()):
        one = values[name]
        less = "- | -"
        if name != given.beside:
            less = interval(one["srg"] - values[given.beside]["srg"])
        print(
            f"| {name} | {interval(one['srg'])} | {one['lif'].mean():.2f} | "
            f"{one['mif'].mean():.2f} | {less} |"
        )


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--table", action="store_true", help="print it and measure nothing")
    parser.add_argument("--beside", default="agcam_evidence", help="what differences are from")
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--group", type=int, default=14)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=CHOSEN)
    return parser.parse_args()


if __name__ == "__main__":
    given = parse()
    (table if given.table else run)(given)
