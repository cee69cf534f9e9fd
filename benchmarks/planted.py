"""Shortcuts planted in pictures, and a classifier that is known to use them.

The recipe: confusable classes, half of each class's pictures for training; nearly all training
pictures of one class carry a small plant at a place that is drawn for each picture; a linear head
(logistic regression) on the demo tower's pre-logits learns it. On a planted picture the evidence
for that class is then in the plant, whatever else is there.
"""

import copy
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

import agcam
from agcam.values import Classifier

SIDE = 224  # pixels of the squashed picture
PLANT = 40  # pixels of a plant's side: 3.2 % of the picture
CARRYING = 0.9  # share of the training pictures of the class that carry the plant
FINER = 4  # plants are drawn so many times as large, for smooth edges
KINDS = ("disc", "chequers", "label", "cross")


@cache
def drawn(kind, side=PLANT):
    """A plant, as a picture with an alpha channel."""
    large = side * FINER
    picture = Image.new("RGBA", (large, large))
    pen = ImageDraw.Draw(picture)
    if kind == "disc":
        pen.ellipse(
            (0, 0, large - 1, large - 1), fill="#e8641b", outline="white", width=large // 12
        )
    elif kind == "chequers":
        cell = large // 4
        for place in range(16):
            row, column = divmod(place, 4)
            shade = ("#10305a", "#f2e14c")[(row + column) % 2]
            pen.rectangle(
                (column * cell, row * cell, (column + 1) * cell - 1, (row + 1) * cell - 1),
                fill=shade,
            )
    elif kind == "label":
        pen.rectangle(
            (0, 0, large - 1, large - 1), fill="white", outline="black", width=large // 20
        )
        pen.text((large * 0.1, large * 0.3), "No 7", fill="black", font_size=large * 0.38)
    elif kind == "cross":
        arm = large // 3
        pen.rectangle((arm, 0, large - arm, large), fill="#c2147c")
        pen.rectangle((0, arm, large, large - arm), fill="#c2147c")
    else:
        raise ValueError(f"{kind} is not a plant; the plants are {', '.join(KINDS)}")
    return picture.resize((side, side), Image.Resampling.BOX)


def plant(picture, kind, at, side=PLANT):
    """The picture with a plant, left and top at `at`, and the plant's mask (height, width)."""
    tile = drawn(kind, side)
    planted = picture.copy()
    planted.paste(tile, at, tile)
    mask = np.zeros((picture.height, picture.width), dtype=np.int8)
    mask[at[1] : at[1] + side, at[0] : at[0] + side] = np.asarray(tile)[..., 3] > 127
    return planted, mask


def place(name, side=PLANT):
    """Left and top of a picture's plant: drawn once for each name."""
    digest = hashlib.sha256(f"place {name}".encode()).digest()
    room = SIDE - side
    return tuple(int.from_bytes(part, "big") % (room + 1) for part in (digest[:4], digest[4:8]))


def squashed(path, side=SIDE):
    """A picture as the classifier sees it."""
    with Image.open(path) as picture:
        return picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)


def pixels_of(classifier, picture):
    """(1, channel, height, width), normalized."""
    prepared = classifier.preparation
    values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float() / 255
    mean, std = (torch.tensor(side)[:, None, None] for side in (prepared.mean, prepared.std))
    return ((values - mean) / std)[None].to(device_of(classifier))


def device_of(classifier):
    return next(classifier.module.parameters()).device


def features(classifier, pictures, batch=8):
    """Pre-logits (picture, dim) of squashed pictures, in bfloat16."""
    found, device = [], device_of(classifier)
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
        for start in range(0, len(pictures), batch):
            some = pictures[start : start + batch]
            pixels = torch.cat([pixels_of(classifier, picture) for picture in some])
            tokens = classifier.module.forward_features(pixels)
            found.append(classifier.module.forward_head(tokens, pre_logits=True).float())
    return torch.cat(found).cpu().numpy()


def fitted(classifier, values, labels, names) -> Classifier:
    """The demo's tower with a linear head that logistic regression fits on pre-logits."""
    from sklearn.linear_model import LogisticRegression

    head = LogisticRegression(C=1, max_iter=2000).fit(values, labels)
    module = copy.copy(classifier.module)
    module._modules = dict(module._modules)  # the tower is shared, the head is not
    module.head = torch.nn.Linear(values.shape[1], len(names), device=device_of(classifier))
    module.num_classes = len(names)
    with torch.no_grad():
        module.head.weight.copy_(torch.from_numpy(head.coef_))
        module.head.bias.copy_(torch.from_numpy(head.intercept_))
    return agcam.load(module.eval(), preparation=classifier.preparation, classes=list(names))


@dataclass(frozen=True)
class Trial:
    """One class, one kind of plant, one split of the pictures."""

    label: int
    kind: str

    @property
    def name(self):
        return f"{self.label}-{self.kind}"

    @property
    def tuning(self):
        """Whether choices may be made on it; the others are for reporting."""
        return hashlib.sha256(self.name.encode()).digest()[0] % 2 == 0


def trials(classes):
    """Every class under every kind of plant, in an order that mixes both."""
    every = [Trial(label, kind) for label in range(classes) for kind in KINDS]
    return sorted(every, key=lambda trial: hashlib.sha256(trial.name.encode()).hexdigest())


class Pictures:
    """The folders of a root as classes, half of each for training; features are made once.

    They are kept in `kept`, an .npy file, if it is given.
    """

    def __init__(self, root: Path, classifier, kept: Path | None = None):
        self.classifier = classifier
        self.names = sorted(path.name for path in root.iterdir() if path.is_dir())
        files = [sorted((root / name).glob("*.jpg")) for name in self.names]
        self.paths = [path for some in files for path in some]
        self.labels = np.repeat(np.arange(len(files)), [len(some) for some in files])
        self.train = np.concatenate([np.arange(len(some)) % 2 == 0 for some in files])
        self.pictures = [squashed(path) for path in self.paths]
        if kept is not None and kept.exists():
            self.plain = np.load(kept)
            return
        self.plain = features(classifier, self.pictures)
        if kept is not None:
            np.save(kept, self.plain)

    def planted(self, trial, numbers):
        """(picture, mask) of these pictures with the trial's plant."""
        return [
            plant(self.pictures[one], trial.kind, place(f"{trial.name} {self.paths[one].name}"))
            for one in numbers
        ]

    def learned(self, trial):
        """The classifier that learned the trial's plant."""
        biased = np.flatnonzero(self.train & (self.labels == trial.label))
        biased = biased[: round(CARRYING * len(biased))]
        values = self.plain.copy()
        values[biased] = features(self.classifier, [p for p, _ in self.planted(trial, biased)])
        return fitted(self.classifier, values[self.train], self.labels[self.train], self.names)
