"""Where a COCO file and its pictures lie: as COCO, Roboflow, CVAT and other tools lay them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ..addresses import Place
from ..errors import DataSetError
from .checked import repeated
from .reader import LayoutError, folder_with, missing, parent

_FOLDER: Final = "annotations"
_PREFIX: Final = "instances_"
_BESIDE: Final = "_annotations.coco.json"  # Roboflow's, in the folder of the pictures
_JSON: Final = ".json"


def find_file(root: str) -> tuple[Place, str]:
    """The folder of a COCO file, and the file's name in it.

    The root is the file, or a folder that has it: in annotations/, as its only .json, or one in
    each of its parts; or the pictures' own folder, beside or above which annotations/ lies.

    Raises LayoutError where there is none, or several and none is that of the validation.
    """
    if root.split("::")[0].lower().endswith(_JSON):
        return parent(root)
    place = Place(root)
    for found in _candidates(place):
        if found:
            return _wanted(place, found)
    for file in _above(place):
        return file
    raise missing(place, f"{_FOLDER}/{_PREFIX}*.json, {_BESIDE} or another .json of COCO's")


def _candidates(place: Place) -> list[list[str]]:
    """Files by where they lie; those of the first list that is not empty are taken."""
    inside = place.contents()
    listed = _json(place.folder(_FOLDER).contents())
    instances = [name for name in listed if name.startswith(_PREFIX)]
    parts = [name + _BESIDE for name in inside if name.endswith("/")]
    return [
        [f"{_FOLDER}/{name}" for name in instances or listed],
        [name for name in inside if name == _BESIDE] or _json(inside),
        [name for name in parts if place.has(name)],
    ]


def _json(names: Sequence[str]) -> list[str]:
    return [name for name in names if name.lower().endswith(_JSON)]


def _wanted(place: Place, names: list[str]) -> tuple[Place, str]:
    """The only file, or the only one of a validation."""
    of_validation = [
        name for name in names if name.removeprefix(f"{_FOLDER}/{_PREFIX}").startswith("val")
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
        file = f"{_PREFIX}{name}{_JSON}"
        if above.has(f"{_FOLDER}/{file}"):
            found.append((above, f"{_FOLDER}/{file}"))
    return found


def addresses(place: Place, name: str, files: Sequence[str]) -> Mapping[str, str]:
    """Where each picture that a COCO file names lies.

    A name may have folders that are there, with slashes of either kind; folders that are not there
    are left out where no two pictures have the same name without them.

    Raises DataSetError where none of the first ten is found.
    """
    if not files:
        raise DataSetError(f"{place.at(name)} lists no picture under `images`")
    folder, _, file = name.rpartition("/")
    folders = _folders(place.folder(folder), file)
    for change in _CHANGES:
        changed = [change(file) for file in files]
        if repeated(changed) - repeated(files):
            continue
        found = folder_with(folders, changed)
        if found is not None:
            return {file: found.at(other) for file, other in zip(files, changed, strict=True)}
    looked = ", ".join(folder.root for folder in folders)
    raise LayoutError(
        f"{place.at(name)}: its picture {files[0]} is missing: it is in none of {looked}. Put the "
        ".json beside the pictures, or into annotations/ beside images/"
    )


def _last(file: str) -> str:
    return file.replace("\\", "/").rsplit("/", 1)[-1]


_CHANGES: Final[tuple[Callable[[str], str], ...]] = (
    str,
    lambda file: file.replace("\\", "/"),
    _last,
)


def _folders(place: Place, name: str) -> list[Place]:
    """The folders in which pictures may lie, the likeliest first."""
    part = name.removeprefix(_PREFIX)[: -len(_JSON)]
    bases = [place]
    if "/" in place.root.split("::")[0].rstrip("/"):
        above, folder = parent(place.root.rstrip("/"))
        bases = [above, place] if folder == _FOLDER else [place, above]
    inside = (part, f"images/{part}", "images", "data", "")
    return [base.folder(folder) for base in bases for folder in inside]
