"""Where the pictures lie that a JSON file names: COCO's, Label Studio's or FiftyOne's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ..addresses import Place
from ..errors import DataSetError
from .checked import repeated
from .reader import LayoutError, folder_with, parent

ANNOTATIONS: Final = "annotations"  # COCO's folder of such files, beside those of the pictures
INSTANCES: Final = "instances_"
JSON: Final = ".json"


def addresses(place: Place, name: str, files: Sequence[str]) -> Mapping[str, str]:
    """Where each picture that a JSON file names lies.

    A name may have folders that are there, with slashes of either kind; folders that are not there
    are left out where no two pictures have the same name without them.

    Raises DataSetError where none of the first ten is found.
    """
    if not files:
        raise DataSetError(f"{place.at(name)} names no picture")
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
    part = name.removeprefix(INSTANCES)[: -len(JSON)]
    bases = [place]
    if "/" in place.root.split("::")[0].rstrip("/"):
        above, folder = parent(place.root.rstrip("/"))
        bases = [above, place] if folder == ANNOTATIONS else [place, above]
    inside = (part, f"images/{part}", "images", "data", "")
    return [base.folder(folder) for base in bases for folder in inside]
