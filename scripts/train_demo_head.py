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


def boxes_of(
    folder: Path, smallest: int = 32, most: int = 3
) -> list[tuple[Path, int, list[float]]]:
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


# ---- what the classes are called: one name for what is plainly the same thing

# ImageNet's first lemma, but where another of its lemmas is the word a reader knows.
IMAGENET = {
    "n01983481": "lobster",
    "n02132136": "bear",
    "n02504458": "elephant",
    "n02509815": "red panda",
    "n02395406": "pig",
    "n02814533": "station wagon",
    "n02814860": "lighthouse",
    "n02892201": "brass plaque",
    "n03126707": "crane (machine)",
    "n03250847": "drumstick",
    "n03599486": "rickshaw",
    "n03706229": "compass",
    "n04399382": "teddy bear",
}
CALTECH = {
    "Faces": "face",
    "Faces_easy": "face",
    "Leopards": "leopard",
    "Motorbikes": "motorcycle",
    "airplanes": "airplane",
    "bass": "bass (fish)",
    "binocular": "binoculars",
    "car_side": "car",
    "cellphone": "cell phone",
    "cougar_body": "cougar",
    "cougar_face": "cougar",
    "crocodile_head": "crocodile",
    "flamingo_head": "flamingo",
    "headphone": "headphones",
    "panda": "giant panda",
    "rhino": "rhinoceros",
    "tick": "tick (mite)",
    "water_lilly": "water lily",
    "wild_cat": "wildcat",
}
COCO = {
    "keyboard": "computer keyboard",
    "mouse": "computer mouse",
    "remote": "remote control",
}
# A general name, and the classes of which it is true as well.
KINDS = {
    "cat": ["tabby", "persian cat", "egyptian cat"],
    "dog": [
        "chihuahua", "yorkshire terrier", "golden retriever", "labrador retriever",
        "german shepherd", "standard poodle", "dalmatian",
    ],
    "bird": [
        "goose", "black stork", "king penguin", "albatross", "flamingo", "ibis", "emu", "pigeon",
        "rooster",
    ],
    "car": ["station wagon", "convertible", "sports car", "limousine"],
    "bus": ["school bus", "trolleybus"],
    "truck": ["moving van"],
    "train": ["bullet train", "freight car"],
    "boat": ["gondola", "lifeboat", "ketch", "schooner", "ferry"],
    "bottle": ["beer bottle", "pop bottle", "pill bottle", "water jug"],
    "spoon": ["wooden spoon"],
    "chair": ["windsor chair", "rocking chair"],
    "book": ["comic book"],
    "tie": ["bow tie"],
    "clock": ["stopwatch", "watch"],
    "sports ball": ["basketball", "rugby ball", "volleyball", "soccer ball"],
    "cup": ["espresso"],
    "butterfly": ["monarch", "sulphur butterfly"],
    "lobster": ["spiny lobster"],
    "person": ["face", "military uniform", "academic gown"],
    "lamp": ["lampshade"],
    "dining table": ["desk"],
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One labelled set: features (n, 768), class names as the head calls them, picture of each."""

    features: Tensor
    names: list[str]
    groups: np.ndarray


def imagenet_names(folder: Path) -> dict[str, str]:
    with (folder / "tiny-imagenet" / "classes.csv").open(newline="") as file:
        first = {row["synset"]: row["names"].split(",")[0].lower() for row in csv.DictReader(file)}
    return {synset: IMAGENET.get(synset, name) for synset, name in first.items()}


def read_parts(data: Path, features: Path, crops: Path) -> dict[str, Part]:
    imagenet = imagenet_names(data)
    parts = {}
    with np.load(features) as file:
        coco = [str(name) for name in file["coco_crops/classes"]]
        for name in ("tiny_train", "caltech_train", "tiny_val", "one_per_class", "caltech_test"):
            classes = [str(entry) for entry in file[f"{name}/classes"]]
            known = imagenet if classes[0] in imagenet else caltech_names(classes)
            labels = file[f"{name}/labels"]
            parts[name] = Part(
                torch.from_numpy(file[f"{name}/features"]).float(),
                [known[classes[label]] for label in labels],
                np.arange(len(labels)),
            )
    with np.load(crops) as file:
        labels = [COCO.get(coco[label], coco[label]) for label in file["labels"]]
        for view, name in enumerate(("coco", "coco_square", "coco_small")):
            value = torch.from_numpy(file["features"][:, view]).float()
            parts[name] = Part(value, labels, file["pictures"])
    return parts


def caltech_names(classes: list[str]) -> dict[str, str]:
    return {name: CALTECH.get(name, name.replace("_", " ")) for name in classes}
