"""Trials of benchmarks/audit.py: heads that learned a shortcut, what is known of it, and scans."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from audit_plants import KINDS, PLACELESS, Plant
from PIL import Image

from agcam.auditing.columns import shares, strongest, tokens
from agcam.auditing.values import Patches, Pictures
from agcam.methods import METHODS
from agcam.tracing import evaluation_mode, trace

SIDE = 224
TRAIN = 20  # pictures of each class, at most half of them
OTHERS = 40  # held-out pictures of other classes that are given the plant
NONE = "none"  # the same data without a plant


@dataclass(frozen=True)
class Trial:
    """One plant in some classes' training pictures; everything is drawn from seed and kind."""

    kind: str
    seed: int
    moving: bool
    share: float
    classes: tuple[int, ...]

    @property
    def name(self):
        return f"{self.kind}-{self.seed}"

    @property
    def draw(self):
        return np.random.default_rng([self.seed, [*KINDS, NONE].index(self.kind)])


def drawn(kind, seed, classes):
    """Place fixed or not, 50 to 100 % of the pictures, one class or (one time in five) two."""
    draw = np.random.default_rng([7, seed, [*KINDS, NONE].index(kind)])
    moving = bool(draw.random() < 0.5) and kind not in PLACELESS
    share = float(draw.choice([0.5, 0.75, 0.9, 1.0]))
    count = 2 if draw.random() < 0.2 else 1
    some = () if kind == NONE else sorted(draw.choice(classes, count, replace=False).tolist())
    return Trial(kind, seed, moving, share, tuple(some))


@dataclass(frozen=True, eq=False)
class Data:
    """(picture, side, side, 3) uint8, their labels, and where objects to plant are cut out of."""

    pictures: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    objects: Path


def read(root, objects):
    """Folders of a root as classes, the short side at 224, the centre."""
    names = tuple(sorted(path.name for path in root.iterdir() if path.is_dir()))
    files = [sorted((root / name).glob("*.jpg")) for name in names]
    pictures = np.stack([_opened(path) for some in files for path in some])
    labels = np.repeat(np.arange(len(names)), [len(some) for some in files])
    return Data(pictures, labels, names, objects)


def noise(classes=3, each=12):
    """Pictures of noise, for a dry run."""
    draw = np.random.default_rng(0)
    pictures = draw.integers(0, 255, (classes * each, SIDE, SIDE, 3), dtype=np.uint8)
    names = tuple(f"noise {number}" for number in range(classes))
    return Data(pictures, np.repeat(np.arange(classes), each), names, Path())


def _opened(path):
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
        scale = SIDE / min(shown.size)
        size = tuple(max(SIDE, round(length * scale)) for length in shown.size)
        shown = shown.resize(size, Image.Resampling.BICUBIC)
        left, top = ((length - SIDE) // 2 for length in size)
        return np.asarray(shown.crop((left, top, left + SIDE, top + SIDE)))


def split(trial, data):
    """Rows of training pictures, those that carry the plant, and held-out ones of other classes.

    The training pictures are the same for all kinds of a seed.
    """
    of_seed, draw, labels = np.random.default_rng(trial.seed), trial.draw, data.labels
    each = min(TRAIN, np.bincount(labels).min() // 2)
    train = np.sort(
        np.concatenate(
            [
                of_seed.permutation(np.flatnonzero(labels == number))[:each]
                for number in range(len(data.names))
            ]
        )
    )
    carrying = [
        draw.permutation(train[labels[train] == number])[: round(trial.share * each)]
        for number in trial.classes
    ]
    held = np.setdiff1d(np.arange(len(labels)), train)
    others = draw.permutation(held[~np.isin(labels[held], trial.classes)])[:OTHERS]
    return train, np.sort(np.concatenate([*carrying, np.array([], dtype=int)])).astype(int), others


def planted(trial, data, rows):
    """Pictures with the plant, and its masks."""
    plant = Plant(trial.kind, trial.moving, trial.seed, data.objects)
    made = [plant.put(data.pictures[row], int(row)) for row in rows]
    return np.stack([picture for picture, _ in made]), np.stack([mask for _, mask in made])


def learn(trial, data, backbone, plain):
    """The head, and what the plant does to it: predictions of pictures with and without."""
    from sklearn.linear_model import LogisticRegression

    train, carrying, others = split(trial, data)
    features, found = plain[train].copy(), {"train": train, "carrying": carrying}
    if trial.classes:
        pictures, _ = planted(trial, data, carrying)
        with_plant = backbone.features(backbone.pixels(pictures))
        features[np.searchsorted(train, carrying)] = with_plant
    head = LogisticRegression(C=1, max_iter=3000).fit(features, data.labels[train])
    found |= {"weight": head.coef_, "bias": head.intercept_, "others": others}
    if trial.classes:
        elsewhere = backbone.features(backbone.pixels(planted(trial, data, others)[0]))
        found |= {
            "carrying_with": head.predict(with_plant),
            "carrying_without": head.predict(plain[carrying]),
            "others_with": head.predict(elsewhere),
            "others_without": head.predict(plain[others]),
        }
    return found


def scan(classifier, pixels, targets, methods, batch=8):
    """What an audit keeps of targets (picture, target): arrays (target, picture, ...) by name.

    Names are `method.name`; all methods share one recording.
    """
    parts = []
    for start in range(0, len(pixels), batch):
        some, wanted = pixels[start : start + batch], targets[start : start + batch]
        kept = [{} for _ in range(wanted.shape[1])]
        with evaluation_mode(classifier.module):
            session = trace(classifier, some, [METHODS[name] for name in methods])
            grid, held = session.recording.grid, tokens(session.recording)
            for name in methods:
                found = session.relevance(METHODS[name], torch.from_numpy(wanted)).detach()
                maps = shares(found.reshape(*wanted.shape, grid.rows, grid.columns).numpy())
                for one, own in enumerate(kept):
                    made = _kept(maps[:, [one]], wanted[:, [one]], held)
                    own |= {f"{name}.{part}": values for part, values in made.items()}
        parts.append(kept)
    return {
        name: np.stack(
            [np.concatenate([each[name] for each in one]) for one in zip(*parts, strict=True)]
        )
        for name in parts[0][0]
    }


def _kept(maps, targets, held):
    count, _, rows, across = maps.shape
    black = np.zeros((count, 3, rows * 4, across * 4), np.float32)
    found = strongest(maps, targets, held, black, range(count))
    kept = {name: found[name].reshape(count, -1) for name in ("place", "relevance")}
    features = found["features"].reshape(*kept["place"].shape, -1)
    return {**kept, "features": features, "maps": maps[:, 0].astype(np.float16)}


def columns(maps, place, relevance, features, labels, tones):
    """`Pictures` and `Patches` of pictures that are all explained for their predicted class."""
    count, top = place.shape
    maps = maps.astype(np.float32)
    pictures = Pictures(
        number=np.arange(count, dtype=np.int32),
        label=labels.astype(np.int32),
        predicted=labels.astype(np.int32),
        probability=np.ones((count, 2), np.float32),
        predicted_map=maps,
        label_map=maps,
        truth=np.full(maps.shape, np.nan, np.float32),
        frame=np.zeros((count, 6), np.float32),
        tone=tones.astype(np.float32),
    )
    patches = Patches(
        np.repeat(np.arange(count), top).astype(np.int32),
        np.repeat(labels, top).astype(np.int32),
        place.ravel().astype(np.int32),
        relevance.ravel().astype(np.float32),
        features.reshape(count * top, -1),
        np.zeros((count * top, 48), np.uint8),
    )
    return pictures, patches


def tones(pictures):
    """(picture, 6): mean and deviation of red, green and blue."""
    values = pictures / np.float32(255)
    return np.concatenate([values.mean((1, 2)), values.std((1, 2))], 1)
