"""A folder of class folders with clips or sounds in them; truth is the class only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import PurePosixPath

from ..addresses import Place
from ..values import SOUNDS, VIDEOS, Sample
from .classes import Classes
from .reader import PICTURES, Listing, bad, missing, reader, unread

CLIPS = (*VIDEOS, ".gif")


def read(
    root: str,
    *,
    suffixes: tuple[str, ...],
    names_of: Callable[[Iterable[str]], list[str]],
    what: str,
) -> Listing:
    """Classes are the folders in the order of their names; samples by their paths.

    What lies beside the folders is a sample of its own, which fails.
    """
    place = Place(root)
    files, skipped = place.walk("", suffixes)
    found = names_of(files)
    inside = [name for name in found if "/" in name]
    problems = unread(place, "", skipped)
    if not inside and not problems:
        raise missing(place, f"a {what} in a class folder")
    problems += [
        bad(name, f"{name} is not in a class folder", place.at(name))
        for name in found
        if "/" not in name
    ]
    classes = sorted({name.partition("/")[0] for name in inside})
    label = {name: number for number, name in enumerate(classes)}
    samples = [Sample(name, place.at(name), label[name.partition("/")[0]]) for name in inside]
    return Listing(Classes([(name,) for name in classes], distinct=False), samples + problems)


def _clips(files: Iterable[str]) -> list[str]:
    """Videos; of pictures the folder, or themselves where they lie in the class folder."""
    names = dict[str, None]()
    for file in files:
        folder = str(PurePosixPath(file).parent)
        is_video = PurePosixPath(file).suffix.lower() in CLIPS
        names[file if is_video or folder.count("/") == 0 else folder] = None
    return list(names)


CLIPS_READER = reader(
    "clips",
    partial(read, suffixes=(*CLIPS, *PICTURES), names_of=_clips, what="video or folder of frames"),
    "a folder for each class with its videos in it or below, or a folder of frames for each clip",
    "the layout of Kinetics and UCF101",
    "clip",
)
SOUNDS_READER = reader(
    "sounds",
    partial(read, suffixes=tuple(SOUNDS), names_of=list, what="sound"),
    "a folder for each class with its sounds in it or below",
    "the layout of Speech Commands",
    "sound",
)
