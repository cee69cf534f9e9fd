"""Where a COCO file lies: as COCO, Roboflow, CVAT and other tools lay it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..addresses import Place
from .named_pictures import ANNOTATIONS, INSTANCES, JSON
from .reader import missing, parent

_BESIDE: Final = "_annotations.coco.json"  # Roboflow's, in the folder of the pictures


def find_file(root: str) -> tuple[Place, str]:
    """The folder of a COCO file, and the file's name in it.

    The root is the file, or a folder that has it: in annotations/, as its only .json, or one in
    each of its parts; or the pictures' own folder, beside or above which annotations/ lies.

    Raises LayoutError where there is none, or several and none is that of the validation.
    """
    if root.split("::")[0].lower().endswith(JSON):
        return parent(root)
    place = Place(root)
    for found in _candidates(place):
        if found:
            return _wanted(place, found)
    for file in _above(place):
        return file
    raise missing(place, f"{ANNOTATIONS}/{INSTANCES}*.json, {_BESIDE} or another .json of COCO's")


def _candidates(place: Place) -> list[list[str]]:
    """Files by where they lie; those of the first list that is not empty are taken."""
    inside = place.contents()
    listed = _json(place.folder(ANNOTATIONS).contents())
    instances = [name for name in listed if name.startswith(INSTANCES)]
    parts = [name + _BESIDE for name in inside if name.endswith("/")]
    return [
        [f"{ANNOTATIONS}/{name}" for name in instances or listed],
        [name for name in inside if name == _BESIDE] or _json(inside),
        [name for name in parts if place.has(name)],
    ]


def _json(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(JSON)]


def _wanted(place: Place, names: list[str]) -> tuple[Place, str]:
    """The only file, or the only one of a validation."""
    of_validation = [
        name for name in names if name.removeprefix(f"{ANNOTATIONS}/{INSTANCES}").startswith("val")
    ]
    wanted = names if len(names) == 1 else of_validation
    if len(wanted) != 1:
        raise missing(place, f"one of {', '.join(names[:9])} as the root")
    return place, wanted[0]


def _above(place: Place) -> list[tuple[Place, str]]:
    """The file of a folder of pictures, val/ or images/val/, that is the root itself."""
    found = []
    root, name = place.root, ""
    for _ in range(2):
        if root.split("::")[0].endswith("/") or "/" not in root.split("::")[0]:
            break
        above, last = parent(root)
        name, root = name or last, above.root
        file = f"{INSTANCES}{name}{JSON}"
        if above.has(f"{ANNOTATIONS}/{file}"):
            found.append((above, f"{ANNOTATIONS}/{file}"))
    return found
