"""The perturbation test end to end, beside the authors' scheme, on one CPU in one run.

    python benchmarks/evaluation.py [--rounds N] [--pictures N] [--methods A,B] [--cores N]

Authors' scheme, as in their ABPC script: a picture and method at a time, batch 1, 22 forward passes
with autograd on, torch.topk over the pixels, one process with a thread for each core. Their maps
are made by our program, one at a time, which flatters them: their own takes about three forward
passes a map. Ours: `agcam evaluate` as a user runs it, a process for each core, from the pictures'
files to the rows in the store, with the start of the processes; once in float32 and once with
bfloat16 for the perturbed pictures. Time is of a map, since our run has random baselines besides.
Rounds alternate; the median of the ratios counts.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

ARCH = "vit_base_patch16_224"
SIDE = 224
SHARES = [step / 10 for step in range(11)]
SIDES = {"float32": "as-is", "bfloat16": "bfloat16"}


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--methods", default="agcam,rollout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    return parser.parse_args()


def lay_out(folder, pictures, arch=ARCH):
    """Noise in a folder of class folders, and a file of random weights."""
    import timm
    from PIL import Image

    noise = np.random.default_rng(0)
    for number in range(pictures):
        place = folder / "pictures" / f"class {number % 4}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = noise.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png")
    torch.manual_seed(0)
    model = timm.create_model(arch, num_classes=4).eval()
    torch.save(model.state_dict(), folder / "weights.pt")
    (folder / "names.txt").write_text("".join(f"class {i}\n" for i in range(4)))


def removed(pixels, relevance, share, sign):
    """The authors' way: the first pixels by topk are set to 0."""
    flat = sign * (relevance.flatten() + 1)
    keep = torch.ones_like(flat)
    keep[torch.topk(flat, int(flat.numel() * share)).indices] = 0
    return pixels * keep.reshape(relevance.shape)


def authors(classifier, files, methods):
    """Areas of LeRF - MoRF, pictures in order, methods within."""
    import agcam
    from agcam.evaluation.probing import relevance_on_input
    from agcam.images import prepare_pictures
    from agcam.maps import resize_map

    areas = []
    for file in files:
        pixels = prepare_pictures(classifier, str(file)).pixels[0]
        for method in methods:
            explained = agcam.explain(classifier, pixels[None], int(file.parent.name[-1]), method)
            maps = resize_map(explained.grid_map[0].numpy(), pixels.shape[-2:])
            relevance = relevance_on_input(maps)[0] - 1
            total = 0.0
            for share in SHARES:
                for sign in (1, -1):
                    picture = removed(pixels, torch.from_numpy(relevance), share, sign)
                    chances = classifier.module(picture[None]).softmax(-1)[0]
                    total -= sign * chances[int(file.parent.name[-1])].item()
            areas.append(total / len(SHARES))
    return np.array(areas)


def planned(folder, methods, cores, precision):
    from agcam.evaluation import Configuration, plan

    return plan(
        Configuration(
            dataset="folder",
            root=str(folder / "pictures"),
            model=str(folder / "weights.pt"),
            arch=f"timm:{ARCH}",
            class_names=tuple(f"class {i}" for i in range(4)),
            methods=methods,
            metrics=("abpc",),
            batch_size=4,
            precision=precision,
            threads=max(1, os.cpu_count() // cores),
        )
    )


def ours(made, store, cores, methods):
    """Areas in the authors' order, and seconds."""
    from agcam.engines import Resources
    from agcam.evaluation import run_plan
    from agcam.records import Store

    start = time.perf_counter()
    run = run_plan(made, store, "local", Resources(workers=cores))
    seconds = time.perf_counter() - start
    with Store(store) as rows:
        found = {(r.sample, r.method): r.value for r in rows.records(run.key)}
    samples = range(len(made.setup.dataset.samples))
    return np.array([found[s, m] for s in samples for m in methods]), seconds


def main():
    from agcam.families import load

    arguments = parse()
    methods = tuple(arguments.methods.split(","))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lay_out(folder, arguments.pictures)
        files = sorted((folder / "pictures").rglob("*.png"))
        classifier = load(str(folder / "weights.pt"), arch=f"timm:{ARCH}", classes=["a"] * 4)
        plans = {
            name: planned(folder, methods, arguments.cores, precision)
            for name, precision in SIDES.items()
        }
        torch.set_num_threads(arguments.cores)
        authors(classifier, files[:1], methods[:1])  # the survey and kernels, once
        found = {name: [] for name in SIDES}
        for turn in range(arguments.rounds):
            start = time.perf_counter()
            theirs = authors(classifier, files, methods)
            each = (time.perf_counter() - start) / len(theirs)
            print(f"authors {each:.2f} s a map", flush=True)
            for name, made in plans.items():
                store = folder / f"{name}-{turn}.sqlite"
                areas, seconds = ours(made, store, arguments.cores, methods)
                maps = len(files) * len(made.setup.methods)  # the random baselines too
                found[name].append(each / (seconds / maps))
                apart = np.abs(areas - theirs).max()
                print(f"ours {name} {seconds / maps:.2f} s a map, apart {apart:.1e}", flush=True)
    print(
        f"\n{ARCH}, {arguments.cores} cores, {len(files)} pictures, {', '.join(methods)} and two "
        f"random baselines; torch {torch.__version__}\n"
    )
    print("| ours | times faster: median (least to most) |\n|---|---|")
    for name, ratios in found.items():
        print(
            f"| {name} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) |"
        )


if __name__ == "__main__":
    main()
