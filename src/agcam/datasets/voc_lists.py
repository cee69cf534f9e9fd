"""Which list of ImageSets names the pictures of a set in VOC's layout."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from typing import Final

from ..addresses import Place
from .annotation import numbered_lines
from .label_map import FILE
from .reader import missing, parent

_LIST: Final = "ImageSets/Main/val.txt"
_FOLDERS: Final = ("ImageSets/Main", "ImageSets/Segmentation")
_BASES: Final = ("", "VOC2012", "VOCdevkit/VOC2012")
_SHOWN_OR_NOT: Final = re.compile(r"(.+?)\s+-?[01]")  # VOC's lists of one class


def listed(root: str) -> tuple[Place, list[str]]:
    """The folder of a set, and the lines of its list of pictures.

    The list is val.txt; beside CVAT's labelmap.txt the only one, or the root may be the list.
    Raises LayoutError where there is none, or several.
    """
    if root.split("::")[0].lower().endswith(".txt") and "/ImageSets/" in root.replace("\\", "/"):
        folder, name = parent(root)
        sets, kind = parent(folder.root)
        place = parent(sets.root)[0]
        return place, _lines(place, f"ImageSets/{kind}/{name}")
    places = [Place(root).folder(base) for base in _BASES]
    for place in places:
        if place.has(_LIST):
            return place, _lines(place, _LIST)
    for place in places:
        if place.has(FILE):
            return place, _lines(place, _only(place))
    raise missing(Place(root), _LIST)


def _only(place: Place) -> str:
    """The list of a set of CVAT's, which has the name of its subset."""
    for folder in _FOLDERS:
        names = [name for name in place.folder(folder).contents() if name.endswith(".txt")]
        whole = [name for name in names if not any(name.endswith(f"_{other}") for other in names)]
        of_validation = [name for name in whole if name.startswith("val")]
        wanted = whole if len(whole) == 1 else of_validation
        if len(wanted) == 1:
            return f"{folder}/{wanted[0]}"
        if whole:
            which = ", ".join(f"{folder}/{name}" for name in whole[:9])
            raise missing(place, f"one of {which} as the root")
    raise missing(place, _LIST)


def _lines(place: Place, file: str) -> list[str]:
    return [line.strip().strip('"') for _, line in numbered_lines(place, file)]


def picture_names(lines: Iterable[str], known: Container[str]) -> list[str]:
    """A name a line, each once; lists of one class write behind it whether it is shown."""
    found = ((line, _SHOWN_OR_NOT.fullmatch(line)) for line in lines)
    names = (match[1] if match and line not in known else line for line, match in found)
    return list(dict.fromkeys(names))
