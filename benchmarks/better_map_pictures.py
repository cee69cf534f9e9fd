"""The pictures that benchmarks/better_map.py asks about, with what people know of them.

Each is (name, picture of 224 x 224, classes asked about, truth boxes of each class).
"""

import csv
import hashlib
import itertools
import json

import numpy as np
from PIL import Image

SIDE = 224
LEAST_AREA = 0.02  # of a class's boxes, as a share of a coco picture
SETS = (
    "tiny",
    "coco",
    "imagenet-boxes",
    "imagenet-boxes-2",
    "mosaic-caltech",
    "mosaic-imagenet",
    "abpc-caltech",
    "abpc-imagenet",
)
SPLIT = ("tiny", "coco")  # the others were never tuned on, and have no part to tune
AT_ONCE = {"tiny": 4, "coco": 2, "imagenet-boxes": 2, "imagenet-boxes-2": 2}
SIZES = {
    "tiny": 120,
    "mosaic-caltech": 25,
    "mosaic-imagenet": 25,
    "abpc-caltech": 20,
    "abpc-imagenet": 20,
}


def part(name):
    """The split of tiny-imagenet and coco."""
    return "report" if int(hashlib.sha256(name.encode()).hexdigest(), 16) % 2 else "tune"


def shuffled(items, key):
    """A fixed order that has nothing to do with the names' own."""
    return sorted(items, key=lambda item: hashlib.sha256(f"o{key(item)}".encode()).hexdigest())


def squashed(path, side=SIDE):
    with Image.open(path) as picture:
        return picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)


def tiny(data, classes, which, count=SIZES["tiny"]):
    """Pictures of 64 x 64 with one box: (file, picture, [class], [boxes])."""
    folder = data / "tiny-imagenet"
    files = {path.name: path for path in folder.rglob("*.JPEG")}
    with (folder / "boxes.csv").open() as table:
        rows = [row for row in csv.DictReader(table) if part(row["file"]) == which]
    for row in shuffled(rows, lambda row: row["file"])[:count]:
        box = np.array([[float(row[side]) for side in ("x0", "y0", "x1", "y1")]]) * SIDE / 64
        yield row["file"], squashed(files[row["file"]]), [classes[row["synset"]]], [box]


def coco(data, classes, which):
    """Photographs, every class with boxes in them that the model knows."""
    import yaml

    folder = data / "coco"
    names = yaml.safe_load((folder / "classes.yaml").read_text())["names"]
    for path in sorted((folder / "images").rglob("*.jpg")):
        if part(path.name) != which:
            continue
        boxes = {}
        truth = folder / "boxes" / f"{path.stem}.txt"
        for line in truth.read_text().splitlines() if truth.exists() else ():
            number, x, y, w, h = map(float, line.split())
            if names[int(number)] in classes:
                box = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
                boxes.setdefault(classes[names[int(number)]], []).append(box)
        boxes = {target: np.array(found) * SIDE for target, found in boxes.items()}
        area = {t: (b[:, 2:] - b[:, :2]).prod(1).sum() / SIDE**2 for t, b in boxes.items()}
        asked = [target for target in boxes if area[target] > LEAST_AREA]
        if asked:
            yield path.name, squashed(path), asked, [boxes[target] for target in asked]


def imagenet_boxes(folder, classes):
    """Full-size photographs: the true class; where the head knows it not, the class it says."""
    named = {401: "accordion", 311: "grasshopper"}  # the others are not known to our heads
    for row in json.loads((folder / "boxes.json").read_text()):
        name = row.get("synset") or named.get(row.get("imagenet_index"))
        boxes = np.array(row["boxes"], float) / np.array([row["width"], row["height"]] * 2) * SIDE
        picture = squashed(next(folder.rglob(row["file"])))
        yield row["file"], picture, [classes.get(name)], [boxes]


def one_per_class(data, classes):
    folder = data / "imagenet-one-per-class"
    for path in shuffled(folder.glob("*.JPEG"), lambda path: path.name):
        target = classes.get(path.name.split("_")[0])
        if target is not None:
            yield path, target


def caltech(data, classes, seen):
    for path in shuffled((data / "caltech101").glob("*/*.jpg"), caltech_name):
        name = caltech_class(path)
        if name in classes and caltech_name(path) not in seen:
            yield path, classes[name]


def caltech_name(path):
    """File names are the same in all folders."""
    return f"{path.parent.name}/{path.name}"


def caltech_class(path):
    known = {"Faces_easy": "face", "Motorbikes": "motorcycle", "airplanes": "airplane"}
    return known.get(path.parent.name, path.parent.name.lower().replace("_", " "))


def mosaics(pictures, count):
    """2 x 2 pictures of four different classes, each asked about: (name, picture, classes, -)."""
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
            yield f"mosaic {made}", mosaic, [target for _, target in cells], [None] * 4
            cells, made = [], made + 1
            if made == count:
                return


def in_turn(names, data, model, which):
    """The sets' pictures in turn; mosaics, asked about four classes each, less often."""
    names = [name for name in names if name in SPLIT or which == "report"]
    streams = {name: iter(pictures_of(name, data, model, which)) for name in names}
    while streams:
        for name in list(streams):
            some = list(itertools.islice(streams[name], AT_ONCE.get(name, 1)))
            yield from ((name, item) for item in some)
            if not some:
                del streams[name]


def pictures_of(name, data, model, which):
    classes = model.classes
    if name in SPLIT:
        return {"tiny": tiny, "coco": coco}[name](data, classes, which)
    if name.startswith("imagenet-boxes"):
        return imagenet_boxes(data / name, classes)
    if name.endswith("caltech"):
        pictures = caltech(data, classes, model.seen)
    else:
        pictures = one_per_class(data, classes)
    if name.startswith("mosaic"):
        return mosaics(pictures, SIZES[name])
    some = itertools.islice(pictures, SIZES[name])
    return ((caltech_name(path), squashed(path), [target], [None]) for path, target in some)
