"""The pictures that benchmarks/second_table.py explains, with what people know of them."""

import csv
import hashlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from planted import SIDE, Pictures, squashed, trials
from second_table_tuning import confusable

LEAST_AREA = 0.02  # of a class's mask, as a share of a coco picture
ROUND = {  # pictures of each set in a round; mosaics are explained for four classes each
    "perturbed": 1,
    "planted": 1,
    "coco": 0.5,
    "tiny": 0.5,
    "photographs": 0.5,
    "mosaic-imagenet": 0.25,
    "mosaic-caltech": 0.125,
    "cost": 0.125,
}
TRIALS = 10  # classes and kinds of plants
SPLIT = ("perturbed", "tiny", "coco", "planted")  # the others were never tuned on


@dataclass(frozen=True, eq=False)
class Item:
    """A picture of 224 x 224, the classes that are explained, and the truth of each.

    A class of None stands for the predicted one. `model` makes the item's own, if it has one.
    """

    name: str
    picture: Image.Image
    targets: list[int | None]
    truths: list[Any]
    model: Callable[[], Any] | None = None


def part(name):
    """Which half a file belongs to: choices are made on one, and reported on the other."""
    return "report" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 else "tune"


def shuffled(items, key):
    """A fixed order that has nothing to do with the names' own."""
    return sorted(items, key=lambda item: hashlib.sha256(f"o{key(item)}".encode()).hexdigest())


def tiny(given, model):
    """Pictures of 64 x 64 with one box."""
    folder = given.data / "tiny-imagenet"
    files = {path.name: path for path in folder.rglob("*.JPEG")}
    with (folder / "boxes.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if part(row["file"]) == given.part]
    for row in shuffled(rows, lambda row: row["file"]):
        if row["synset"] in model.classes:
            box = np.array([[float(row[side]) for side in ("x0", "y0", "x1", "y1")]]) * SIDE / 64
            picture = squashed(files[row["file"]])
            yield Item(row["file"], picture, [model.classes[row["synset"]]], [box])


def coco(given, model):
    """Photographs, every class with polygons in them that the model knows; truths are masks."""
    for path in sorted((given.data / "coco" / "images").rglob("*.jpg")):
        if part(path.name) != given.part:
            continue
        masks = {}
        for name, points in outlines(given.data / "coco" / "polygons", path.stem):
            if name in model.classes:
                mask = masks.setdefault(model.classes[name], Image.new("L", (SIDE, SIDE)))
                ImageDraw.Draw(mask).polygon([(x * SIDE, y * SIDE) for x, y in points], fill=1)
        found = {target: np.asarray(mask).astype(np.int8) for target, mask in masks.items()}
        large = {target: mask for target, mask in found.items() if mask.mean() > LEAST_AREA}
        if large:
            yield Item(path.name, squashed(path), list(large), list(large.values()))


def outlines(folder, stem):
    """(class name, points from 0 to 1) of each line of a YOLO file; boxes are four points."""
    import yaml

    table = "polygon_classes.yaml" if folder.name == "polygons" else "classes.yaml"
    names = yaml.safe_load((folder.parent / table).read_text())["names"]
    path = folder / f"{stem}.txt"
    for line in path.read_text().splitlines() if path.exists() else ():
        number, *values = map(float, line.split())
        if len(values) == 4:
            x, y, w, h = values
            corners = ((x - w / 2, y - h / 2), (x + w / 2, y - h / 2))
            corners += ((x + w / 2, y + h / 2), (x - w / 2, y + h / 2))
        else:
            corners = tuple(zip(values[::2], values[1::2], strict=True))
        yield names[int(number)], corners


def photographs(given, model):
    """Full-size photographs: the true class; where the head does not know it, the predicted one."""
    named = {401: "accordion", 311: "grasshopper"}  # the others are not known to our heads
    folders = [given.data / name for name in ("imagenet-boxes", "imagenet-boxes-2")]
    rows = [(f, row) for f in folders for row in json.loads((f / "boxes.json").read_text())]
    for folder, row in shuffled(rows, lambda one: one[1]["file"]):
        name = row.get("synset") or named.get(row.get("imagenet_index"))
        boxes = np.array(row["boxes"], float) / np.array([row["width"], row["height"]] * 2) * SIDE
        picture = squashed(next(folder.rglob(row["file"])))
        yield Item(row["file"], picture, [model.classes.get(name)], [boxes])


def planted(given, model):
    """A picture of each trial in turn, with the trial's own classifier.

    Truths are masks, each with the picture without the plant.
    """
    kept = given.rows.parent / f"planted-{model.name}.npy"
    pictures = Pictures(given.data / "audit", model.classifier, kept)

    @cache
    def learned(trial):
        return replace(model, classifier=pictures.learned(trial))

    every = trials(len(pictures.names))
    some = [one for one in every if one.tuning == (given.part == "tune")][:TRIALS]
    for turn in range(len(pictures.paths)):
        for trial in some:
            own = np.flatnonzero(~pictures.train & (pictures.labels == trial.label))
            if turn < len(own):
                ((picture, mask),) = pictures.planted(trial, own[[turn]])
                name = f"{trial.name} {pictures.paths[own[turn]].name}"
                truth = mask, pictures.pictures[own[turn]]
                yield Item(name, picture, [trial.label], [truth], partial(learned, trial))


def one_per_class(given, model):
    folder = given.data / "imagenet-one-per-class"
    for path in shuffled(folder.glob("*.JPEG"), lambda path: path.name):
        target = model.classes.get(path.name.split("_")[0])
        if target is not None and part(path.name) == given.part:
            yield path, target


def whole(given, model):
    """Photographs of one object, of a set that the head mostly predicts correctly."""
    if model.name == "dinov2" and given.part == "tune":
        found = confusable(given, model, [path for path, _ in fifth_of_each(given, model)])
        yield from (Item(*one) for one in shuffled(found, lambda one: one[0]))
        return
    some = {"demo": one_per_class, "dinov2": fifth_of_each}[model.name](given, model)
    for path, target in some:
        yield Item(f"{path.parent.name}/{path.name}", squashed(path), [target], [None])


def mosaic_imagenet(given, model):
    yield from mosaics(one_per_class(given, model))


def mosaic_caltech(given, model):
    yield from mosaics(fifth_of_each(given, model))


def fifth_of_each(given, model):
    """Of Caltech-101, what no head was fitted on."""
    kept = set(four_of_each(given.data))
    paths = [path for path in (given.data / "caltech101").glob("*/*.jpg") if path not in kept]
    for path in shuffled(paths, lambda path: f"{path.parent.name}/{path.name}"):
        if caltech_class(path) in model.classes:
            yield path, model.classes[caltech_class(path)]


def mosaics(pictures):
    """2 x 2 pictures of four different classes, each of which is explained."""
    cells, made = [], 0
    for path, target in pictures:
        if target in [other for _, other in cells]:
            continue
        cells.append((path, target))
        if len(cells) == 4:
            mosaic = Image.new("RGB", (SIDE, SIDE))
            for index, (cell, _) in enumerate(cells):
                corner = (index % 2 * SIDE // 2, index // 2 * SIDE // 2)
                mosaic.paste(squashed(cell, SIDE // 2), corner)
            yield Item(f"mosaic {made}", mosaic, [target for _, target in cells], list(range(4)))
            cells, made = [], made + 1


def caltech_class(path):
    known = {"Faces_easy": "face", "Motorbikes": "motorcycle", "airplanes": "airplane"}
    return known.get(path.parent.name, path.parent.name.lower().replace("_", " "))


def four_of_each(data):
    folders = sorted(path for path in (data / "caltech101").iterdir() if path.is_dir())
    return [path for folder in folders for path in sorted(folder.glob("*.jpg"))[:4]]


def training(data, known):
    """(class, picture) to fit a head on; nothing that is reported is among them."""
    with (data / "tiny-imagenet" / "boxes.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if part(row["file"]) == "tune"]
    files = {path.name: path for path in (data / "tiny-imagenet").rglob("*.JPEG")}
    full = (data / "imagenet-one-per-class").glob("*.JPEG")
    some = [(row["synset"], files[row["file"]]) for row in rows]
    some += [(path.name.split("_")[0], path) for path in sorted(full) if part(path.name) == "tune"]
    some += [(caltech_class(path), path) for path in four_of_each(data)]
    yield from ((name, squashed(path)) for name, path in some if name in known)
    for path in sorted((data / "coco" / "images").rglob("*.jpg")):
        for name, corners in outlines(data / "coco" / "boxes", path.stem):
            if part(path.name) == "tune" and name in known:
                with Image.open(path) as photo:
                    size = np.array(photo.size)
                    left, top, right, bottom = (np.array(corners)[[0, 2]] * size).ravel()
                    if min(right - left, bottom - top) >= 40:
                        crop = photo.convert("RGB").crop((left, top, right, bottom))
                        yield name, crop.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


SETS = {
    "perturbed": whole,
    "tiny": tiny,
    "coco": coco,
    "photographs": photographs,
    "planted": planted,
    "mosaic-imagenet": mosaic_imagenet,
    "mosaic-caltech": mosaic_caltech,
    "cost": whole,
}


def in_rounds(names, given, model):
    """(set, item), round by round; None ends a round, so that models can take turns."""
    first, step = given.share
    names = [name for name in names if given.part == "report" or name in SPLIT]
    streams = {
        name: itertools.islice(SETS[name](given, model), first, None, step) for name in names
    }
    number = 0
    while streams:
        for name in list(streams):
            due = int((number + 1) * ROUND[name]) - int(number * ROUND[name])
            some = list(itertools.islice(streams[name], due))
            yield from ((name, item) for item in some)
            if len(some) < due:
                del streams[name]
        number += 1
        yield None
