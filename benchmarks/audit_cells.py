"""Cells of benchmarks/audit.py: a head that learned a shortcut, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from audit_plants import KINDS, PLACELESS, Plant
from PIL import Image

TRAIN = 20  # pictures of each class at most, half of them where no other classes are at hand
AUDITED = 12  # of these
OTHERS = 40  # held-out pictures of other classes that are given the plant
NONE = "none"  # the same data without a plant
TUNING, REPORTING = "tuning", "reporting"
TUNING_SEEDS = (*range(4), *range(10, 20), *range(100, 140))
UNSEEN = ("object", "timestamp")  # kinds that nothing was tuned on


@dataclass(frozen=True)
class Cell:
    """One plant in some classes' training pictures; everything is drawn from seed and kind."""

    tower: str
    data: str
    seed: int
    kind: str
    moving: bool
    share: float
    classes: tuple[int, ...]

    @property
    def name(self):
        return f"{self.tower}-{self.data}-{self.kind}-{self.seed}"

    @property
    def part(self):
        return TUNING if self.seed in TUNING_SEEDS else REPORTING

    @property
    def half(self):
        """Of the data that it draws classes or pictures from."""
        return int(self.part == REPORTING)

    @property
    def draw(self):
        return np.random.default_rng([self.seed, [*KINDS, NONE].index(self.kind)])


def drawn(tower, data, seed, kind, classes):
    """Place fixed or not, 50 to 100 % of the pictures, one class or (one time in five) two.

    While tuning the first half of the classes has the plants, while reporting the second.
    """
    draw = np.random.default_rng([7, seed, [*KINDS, NONE].index(kind)])
    moving = bool(draw.random() < 0.5) and kind not in PLACELESS
    share = float(draw.choice([0.5, 0.75, 0.9, 1.0]))
    count = 2 if draw.random() < 0.2 else 1
    halves = np.array_split(np.arange(classes), 2)
    own = halves[0 if seed in TUNING_SEEDS else 1]
    some = [] if kind == NONE else sorted(draw.choice(own, min(count, len(own)), False).tolist())
    return Cell(tower, data, seed, kind, moving, share, tuple(some))


def split(cell, data):
    """Rows of training pictures, those that carry the plant, and held-out ones of other classes.

    The training pictures are the same for all kinds of a seed.
    """
    of_seed, draw, labels = np.random.default_rng(cell.seed), cell.draw, data.labels
    train, all_of_them = [], not cell.classes or (labels < 0).any()
    for number in range(len(data.names)):
        rows = of_seed.permutation(np.flatnonzero(labels == number))
        train.append(rows[: min(TRAIN, len(rows) if all_of_them else len(rows) // 2)])
    carrying = [
        draw.permutation(train[number])[: round(cell.share * len(train[number]))]
        for number in cell.classes
    ]
    train = np.sort(np.concatenate(train))
    held = np.setdiff1d(np.arange(len(labels)), train)
    others = draw.permutation(held[~np.isin(labels[held], cell.classes)])[:OTHERS]
    carrying = np.sort(np.concatenate([*carrying, np.array([], dtype=int)])).astype(int)
    return train, carrying, others


def planted(cell, data, rows):
    """Pictures with the plant, and its masks."""
    plant = Plant(cell.kind, cell.moving, cell.seed, data.objects)
    made = [plant.put(data.pictures[row], int(row)) for row in rows]
    return np.stack([picture for picture, _ in made]), np.stack([mask for _, mask in made])


def learn(cell, data, tower, plain):
    """The head, and what the plant does to it: predictions of pictures with and without.

    `plain` gives the features of rows of the data as they are.
    """
    from sklearn.linear_model import LogisticRegression

    train, carrying, others = split(cell, data)
    features, found = plain(train), {"train": train, "carrying": carrying}
    if cell.classes:
        with_plant = tower.features(tower.pixels(planted(cell, data, carrying)[0]))
        features[np.searchsorted(train, carrying)] = with_plant
    head = LogisticRegression(C=1, max_iter=3000).fit(features, data.labels[train])
    found |= {"weight": head.coef_, "bias": head.intercept_, "others": others}
    if cell.classes:
        elsewhere = tower.features(tower.pixels(planted(cell, data, others)[0]))
        found |= {
            "carrying_with": head.predict(with_plant),
            "carrying_without": head.predict(plain(carrying)),
            "others_with": head.predict(elsewhere),
            "others_without": head.predict(plain(others)),
        }
    return found


def known(found, cell, labels):
    """What the plant does: of other pictures, and of those that carry it."""
    own = labels[found["carrying"]]
    called = np.isin(found["others_with"], cell.classes).mean()
    before = np.isin(found["others_without"], cell.classes).mean()
    return {
        "effect": called - before,
        "drop": np.mean(found["carrying_with"] == own) - np.mean(found["carrying_without"] == own),
    }


def audited(cell, data, found):
    """At most AUDITED training pictures of each class, those with the plant in proportion."""
    draw, rows = np.random.default_rng(cell.seed), []
    for number in range(len(data.names)):
        own = draw.permutation(found["train"][data.labels[found["train"]] == number])
        carry = np.isin(own, found["carrying"])
        most = round(AUDITED * carry.mean())
        rows += [own[carry][:most], own[~carry][: AUDITED - most]]
    return np.sort(np.concatenate(rows))


def write(cell, data, found, folder):
    """The training pictures as a folder for each class; the masks of those that carry the plant."""
    shown, masks = data.pictures, np.zeros((0, *data.pictures.shape[1:3]), dtype=bool)
    if cell.classes:
        made, masks = planted(cell, data, found["carrying"])
        shown = dict(zip(found["carrying"].tolist(), made, strict=True))
    for row in audited(cell, data, found).tolist():
        path = folder / data.names[data.labels[row]] / f"{row:05}.png"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = shown[row] if not cell.classes or row in shown else data.pictures[row]
            Image.fromarray(picture).save(path, compress_level=1)
    return masks
