"""Train the demo's classifier on class token features; write demo_head.npz and its model card.

    python scripts/train_demo_head.py --data ../shared/data

Features of the box crops of COCO are made with the demo tower (some minutes on two cores) and
kept in `--crops` for the next run. No picture of caltech_test, one_per_class, tiny_val is ever
trained or tuned on.
"""

from __future__ import annotations

import argparse
import csv
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from agcam.families import demo_tower

FAMILIES = Path(demo_tower.__file__).parent
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
STD = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
SIDE = 224


# ---- features of COCO's boxes


def pixels(picture: Image.Image) -> Tensor:
    """Short side to 224, bicubic, centre crop, CLIP's mean and standard deviation."""
    scale = SIDE / min(picture.size)
    width, height = (max(SIDE, round(side * scale)) for side in picture.size)
    left, top = (width - SIDE) // 2, (height - SIDE) // 2
    picture = picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    array = np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)), dtype=np.float32)
    return (torch.from_numpy(array).permute(2, 0, 1) / 255 - MEAN) / STD


def boxes_of(folder: Path, smallest: int = 32, most: int = 3) -> list[tuple[Path, int, list[float]]]:
    """(picture, class, box in pixels); the `most` largest of a class in each picture."""
    found = []
    for text in sorted((folder / "boxes").glob("*.txt")):
        path = folder / "images" / f"{text.stem}.jpg"
        if not path.is_file():
            continue
        with Image.open(path) as picture:
            size = np.array(picture.size)
        per_class = defaultdict(list)
        for line in text.read_text().splitlines():
            number, *box = (float(word) for word in line.split()[:5])
            centre, extent = np.array(box[:2]) * size, np.array(box[2:]) * size
            per_class[int(number)].append((extent.prod(), centre, extent))
        for number, entries in per_class.items():
            entries.sort(key=lambda entry: -entry[0])
            for _, centre, extent in entries[:most]:
                if extent.max() >= smallest:
                    found.append((path, number, [*centre, *extent]))
    return found


def views(picture: Image.Image, box: list[float]) -> list[Image.Image]:
    """The box with a 10 % margin, a square around it (mirrored), and the box as if 64 pixels."""
    x, y, width, height = box
    tight = picture.crop(tuple(map(round, inside(picture, x, y, width * 1.2, height * 1.2))))
    side = max(width, height) * 1.1
    square = picture.crop(tuple(map(round, inside(picture, x, y, side, side))))
    mirrored = square.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return [tight, mirrored, tight.resize((64, 64), Image.Resampling.BICUBIC)]


def inside(picture: Image.Image, x: float, y: float, width: float, height: float) -> list[float]:
    left, top = max(0.0, x - width / 2), max(0.0, y - height / 2)
    right, bottom = min(picture.width, x + width / 2), min(picture.height, y + height / 2)
    return [left, top, max(right, left + 1), max(bottom, top + 1)]


@torch.inference_mode()
def extract_crops(folder: Path, target: Path) -> None:
    """Features of three views of every box, with its class and picture, into one npz."""
    tower = demo_tower.blank_tower()
    tower.load_state_dict(demo_tower.tower_state(), assign=True)
    tower.eval()
    features, labels, pictures = [], [], []
    for path, number, box in boxes_of(folder):
        picture = Image.open(path)
        picture.load()
        batch = torch.stack([pixels(view) for view in views(picture.convert("RGB"), box)])
        features.append(tower(batch).numpy().astype(np.float16))
        labels.append(number)
        pictures.append(path.stem)
    np.savez(target, features=np.stack(features), labels=labels, pictures=pictures)
