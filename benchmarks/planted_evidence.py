"""Which maps find a shortcut that the classifier is known to use?

    python benchmarks/planted_evidence.py FOLDER --data FOLDER [--part tune] [--trials 8]
    python benchmarks/planted_evidence.py FOLDER --table

Each trial (a class and a kind of plant, see planted.py) is a data set of the layout `planted` under
FOLDER: pictures that were not trained on, with the plant, and the same without it. `agcam.evaluate`
judges every method by the bundle `planted`; stopped and started again it goes on where it was.
Trials are split into those that choices were made on and those that are reported.
"""

import argparse
import csv
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from planted import Pictures, features, trials

import agcam
from agcam.errors import AgcamError
from agcam.evaluation import Evaluation

CHOSEN = (
    *("agcam", "agcam_spread", "agcam_focus", "agcam_evidence", "bicam", "legrad", "gae"),
    *("grad_cam_tokens", "attn_lrp", "res_lrp", "libra_xgrad_cam_plus"),
)
CLASSES = 10


def write(pictures, trial, numbers, folder):
    """The trial's pictures in the layout `planted`; the class is the one that learned the plant."""
    for inside in ("", "masks", "without"):
        (folder / inside).mkdir(parents=True, exist_ok=True)
    rows = [("file", "class", "mask", "without")]
    for number, (planted, mask) in zip(numbers, pictures.planted(trial, numbers), strict=True):
        name = f"{number}.png"
        planted.save(folder / name)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / name)
        pictures.pictures[number].save(folder / "without" / name)
        rows.append((name, pictures.names[trial.label], f"masks/{name}", f"without/{name}"))
    with (folder / "planted.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def known(pictures, model, trial):
    """How many pictures are called the class, its own and others, with and without the plant."""
    head = model.module.head
    own = pictures.labels == trial.label
    lines = []
    for name, some in (("its own", own), ("others", ~own)):
        numbers = np.flatnonzero(~pictures.train & some)[:: 1 if name == "its own" else 9]
        with_it = features(
            pictures.classifier, [one for one, _ in pictures.planted(trial, numbers)]
        )
        called = [
            (head(torch.from_numpy(values)).argmax(1) == trial.label).float().mean()
            for values in (with_it, pictures.plain[numbers])
        ]
        lines.append(f"{name} {called[0]:.2f} with the plant, {called[1]:.2f} without")
    return f"{trial.name}: called the class: {'; '.join(lines)}"


def run(given):
    warnings.filterwarnings("ignore")
    torch.set_num_threads(given.threads)
    pictures = Pictures(given.data / "audit", agcam.load("demo"))
    wanted = [one for one in trials(CLASSES) if one.tuning == (given.part == "tune")]
    for trial in wanted[: given.trials]:
        folder = given.folder / given.part / trial.name
        model = pictures.learned(trial)
        if not (folder / "planted.csv").exists():
            numbers = np.flatnonzero(~pictures.train & (pictures.labels == trial.label))
            write(pictures, trial, numbers[: given.pictures], folder)
            (folder / "known.txt").write_text(known(pictures, model, trial) + "\n")
        agcam.evaluate(
            "planted",
            folder,
            model=model,
            methods=given.methods,
            metrics=("planted",),
            store=folder / "rows.sqlite",
            batch_size=1,
            threads=given.threads,
        )


def table(given):
    """Means over trials of the trials' means, with bootstrap intervals over trials."""
    shares, areas, drops = {}, [], []
    for store in sorted((given.folder / given.part).glob("*/rows.sqlite")):
        try:
            results = Evaluation.read(store).results
        except AgcamError as error:
            print(f"{store}: {error}")
            continue
        print((store.parent / "known.txt").read_text().strip())
        values = {name: np.nanmean(some, axis=0) for name, some in results.values.items()}
        areas.append(values["mask_share"][0])
        drops.append(values["part_drop"][0])
        for name, value in zip(results.methods, values["attribution_localization"], strict=True):
            shares.setdefault(name, []).append(value)
    print(f"\n{len(areas)} trials; the plant's area {np.mean(areas):.3f} (the random baseline),")
    print(f"its removal takes {np.mean(drops):.1f} from the logit\n")
    print("| method | share on the plant | 95 % | least trial |\n|---|---|---|---|")
    for name, found in sorted(shares.items(), key=lambda one: -np.mean(one[1])):
        draws = np.random.default_rng(0).choice(found, (5000, len(found))).mean(1)
        low, high = np.quantile(draws, (0.025, 0.975))
        print(f"| {name} | {np.mean(found):.2f} | {low:.2f} to {high:.2f} | {min(found):.2f} |")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--table", action="store_true", help="print it and measure nothing")
    parser.add_argument("--part", choices=("report", "tune"), default="report")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=10)
    parser.add_argument("--methods", nargs="+", choices=agcam.METHODS, default=CHOSEN)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    given = parse()
    (table if given.table else run)(given)
