"""Pictures with classes for benchmarks/audit.py, at the side of the towers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 224
CLASSES, EACH = 10, 40  # at most, of one source
SPARE = 48  # pictures of other classes, where a source has few pictures of each


@dataclass(frozen=True, eq=False)
class Data:
    """Pictures (picture, side, side, 3) uint8, labels, and the folder objects are cut out of.

    Pictures of classes that are not among `names` have label -1: they are only given plants.
    """

    name: str
    pictures: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    objects: Path


def read(name, root, half):
    """A source of pictures; `half` (0 or 1) is the half of its classes or pictures to take.

    "photographs" are whole: their planted classes differ instead.
    """
    return SOURCES[name](name, root, half)


def _photographs(name, root, half):
    """Ten confusable classes of Caltech-101, forty each."""
    return _folders(name, root, sorted(path for path in (root / "audit").iterdir()))


def _caltech(name, root, half):
    """Ten other classes of Caltech-101, five each."""
    every = sorted(path for path in (root / "caltech101").iterdir() if path.is_dir())
    taken = {path.name for path in (root / "audit").iterdir()}
    some = [path for path in every if path.name not in taken][half::2]
    chosen = some[:: max(1, len(some) // CLASSES)][:CLASSES]
    spare = [path for folder in some if folder not in chosen for path in sorted(folder.iterdir())]
    return _folders(name, root, chosen, spare)


def _tiny(name, root, half):
    """The ten largest classes of Tiny ImageNet, ten to fifteen each; 64 pixels a side, enlarged."""
    with (root / "tiny-imagenet" / "boxes.csv").open() as file:
        rows = [(row["file"], row["synset"]) for row in csv.DictReader(file)]
    files = {synset: [] for synset in sorted({synset for _, synset in rows})[half::2]}
    for file, synset in rows:
        if synset in files:
            files[synset].append(root / "tiny-imagenet" / "images" / file)
    largest = sorted(files, key=lambda synset: -len(files[synset]))
    classes = sorted(largest[:CLASSES])
    spare = [path for synset in largest[CLASSES:] for path in files[synset]]
    return _opened(name, root, classes, [files[synset] for synset in classes], spare)


def _digits(name, root, half):
    """scikit-learn's handwritten digits, 8 pixels a side, enlarged as `make audit` does."""
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    rows = [np.flatnonzero(labels == digit)[half * EACH :][:EACH] for digit in range(10)]
    pictures = [_enlarged(scan.reshape(8, 8)) for scan in scans[np.concatenate(rows)]]
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return Data(name, np.stack(pictures), np.repeat(np.arange(10), EACH), names, root / "coco")


def _noise(name, root, half):
    """Pictures of noise, for a dry run."""
    draw = np.random.default_rng(half)
    pictures = draw.integers(0, 255, (36, SIDE, SIDE, 3), dtype=np.uint8)
    names = tuple(f"noise {number}" for number in range(3))
    return Data(name, pictures, np.repeat(np.arange(3), 12), names, Path())


def _enlarged(scan):
    small = Image.fromarray(255 - np.uint8(scan * 15))
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).convert("RGB"))


def _folders(name, root, folders, spare=()):
    files = [sorted(path for path in folder.glob("*.jpg"))[:EACH] for folder in folders]
    return _opened(name, root, [folder.name for folder in folders], files, spare)


def _opened(name, root, classes, files, spare=()):
    spare = list(spare)[:: max(1, len(spare) // SPARE)][:SPARE]
    pictures = np.stack([_square(path) for some in [*files, spare] for path in some])
    labels = np.repeat([*range(len(classes)), -1], [len(some) for some in [*files, spare]])
    return Data(name, pictures, labels, tuple(classes), root / "coco")


def _square(path):
    """The short side at SIDE, the centre."""
    with Image.open(path) as picture:
        shown = picture.convert("RGB")
        scale = SIDE / min(shown.size)
        size = tuple(max(SIDE, round(length * scale)) for length in shown.size)
        shown = shown.resize(size, Image.Resampling.BICUBIC)
        left, top = ((length - SIDE) // 2 for length in size)
        return np.asarray(shown.crop((left, top, left + SIDE, top + SIDE)))


SOURCES = {
    "photographs": _photographs,
    "digits": _digits,
    "tiny": _tiny,
    "caltech": _caltech,
    "noise": _noise,
}
