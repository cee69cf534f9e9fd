"""A folder of class folders; truth is the class only."""

from __future__ import annotations

from ..addresses import Place
from ..values import Sample
from .classes import SYNSET, Classes
from .reader import PICTURES, Listing, bad, missing, reader, unread
from .synsets import names_of

_LAYOUT = (
    "a folder for each class with its pictures in it or below, or pictures whose names begin with "
    "their synset (n01443537_12.JPEG)"
)


def read(root: str) -> Listing:
    """Classes are the folders in the order of their names; samples by their paths.

    A folder called after a synset (`n01443537`, `n01443537_goldfish`) has ImageNet's names too. One
    that cannot be read, or is a link to another, is a sample of its own, which fails; so is a
    picture beside the folders.
    """
    place = Place(root)
    files, skipped = place.walk("", PICTURES)
    found = [(file, _class(file)) for file in files]
    labelled = [(file, name) for file, name in found if name is not None]
    problems = unread(place, "", skipped)
    if not labelled and not problems:
        raise missing(place, "a picture in a class folder")
    problems += [
        bad(file, f"{file} is not in a class folder", place.at(file))
        for file, name in found
        if name is None
    ]
    names = sorted({name for _, name in labelled})
    label = {name: number for number, name in enumerate(names)}
    samples = [Sample(file, place.at(file), label[name]) for file, name in labelled]
    return Listing(Classes(map(_names, names), distinct=False), samples + problems)


def _class(file: str) -> str | None:
    folder, slash, _ = file.partition("/")
    if slash:
        return folder
    synset = SYNSET.match(file)
    return synset.group() if synset else None


def _names(name: str) -> tuple[str, ...]:
    synset = SYNSET.match(name)
    if synset is None:
        return (name,)
    rest = name[synset.end() :].strip("_- ").replace("_", " ")
    return tuple(dict.fromkeys(n for n in (synset.group(), rest, *names_of(synset.group())) if n))


READER = reader("folder", read, _LAYOUT, "torchvision.datasets.ImageFolder's layout")
