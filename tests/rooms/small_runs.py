"""A tiny model and pictures on disk, for runs that other processes must be able to rebuild."""

import csv

import numpy as np
import timm
import torch
from PIL import Image

from agcam.evaluation import Configuration

CLASSES = 10


def lay_out(folder, pictures=12, seed=0):
    """Pictures with boxes as a CSV, weights of a ViT of six narrow blocks, names of its classes."""
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(pictures):
        low = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(low).resize((96, 72)).save(folder / f"{number:02}.png")
        rows.append([f"{number:02}.png", f"class {number % CLASSES}", 8, 8, 40 + number, 60])
        if number % 3 == 0:
            rows.append([f"{number:02}.png", f"class {number % CLASSES}", 60, 10, 90, 70])
    with (folder / "boxes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "left", "top", "right", "bottom"])
        writer.writerows(rows)
    torch.manual_seed(seed)
    model = timm.create_model("test_vit", num_classes=CLASSES)
    torch.save(model.state_dict(), folder / "weights.pth")
    (folder / "names.txt").write_text("\n".join(names()))
    return folder


def names():
    return tuple(f"class {number}" for number in range(CLASSES))


def configuration(folder, **changes):
    """A run of one method and the random baselines: localization and perturbation."""
    standard = {
        "dataset": "csv",
        "root": str(folder / "boxes.csv"),
        "model": str(folder / "weights.pth"),
        "arch": "timm:test_vit",
        "class_names": names(),
        "methods": ("agcam",),
        "metrics": ("abpc", "pointing_game", "iou"),
        "batch_size": 2,
        "threads": 1,
    }
    return Configuration(**{**standard, **changes})


def rows_of(store, key=""):
    """All that a run stored, but for times."""
    run = store.run(key)
    return (store.samples(run.key), list(store.records(run.key)), store.failures(run.key))
