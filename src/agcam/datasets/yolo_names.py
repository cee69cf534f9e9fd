"""The classes of YOLO's layouts by number, from whichever file names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..addresses import Place
from ..errors import DataSetError
from .annotation import reading
from .checked import (
    MOST_CLASSES,
    from_json,
    integer,
    json_integer,
    json_list,
    json_text,
    repeated,
)
from .plain_yaml import plain_yaml
from .reader import LayoutError
from .yolo_folders import Found, folders_of_names

NUMBERS_OF_POLYGONS: Final = "semantic_classes.yaml"
_OF_POLYGONS: Final = ("polygon_", "semantic_")
_POINTS: Final = (
    "kpt_shape"  # in the data sets of poses, whose points would be taken for a polygon's
)
YAML: Final = (".yaml", ".yml")
MOST_BYTES: Final = 2**20  # of one list of names

_Pairs = list[tuple[int, Any]]


def class_names(root: str, found: Found) -> list[str]:
    """The classes by number, from the nearest file that names them.

    Raises:
        DataSetError: No file names them, or several do and differ, or one cannot be read.
    """
    for folders in folders_of_names(root, found):
        lists = {
            place.at(file): named
            for place in map(Place, folders)
            for file in _files(place)
            if (named := numbered(place, file))
        }
        if lists:
            first, names = next(iter(lists.items()))
            for other, named in lists.items():
                if named != names:
                    raise DataSetError(
                        f"{first} and {other} name the classes differently; keep one of them"
                    )
            return in_order(names)
    raise LayoutError(
        f"{root}: nothing names its classes: there is no .yaml with `names:`, classes.txt, *.names "
        "or notes.json there, beside the labels or in the folder above. Write classes.txt, a name "
        "per line in the order of the numbers, and put it there"
    )


def in_order(names: Mapping[int, str]) -> list[str]:
    """The classes from 0; `class 3` for a number without a name."""
    return [names.get(number, f"class {number}") for number in range(max(names) + 1)]


def _files(place: Place) -> list[str]:
    """The files of a folder that may name classes; those of polygons only where no other does."""
    try:
        files = [name for name in place.contents() if _reader(name)]
    except OSError:  # a folder above that may not be listed
        return []
    return [name for name in files if not name.startswith(_OF_POLYGONS)] or files


def numbered(place: Place, file: str, key: str = "names") -> dict[int, str]:
    """The classes that a file names; {} where a YAML or JSON file has none under its key."""
    read = _reader(file)
    with reading(place.at(file)):
        pairs = read(place.text(file, MOST_BYTES), key) if read else []
        twice = repeated(number for number, _ in pairs)
        if twice:
            raise ValueError(f"{key} has the number {min(twice)} twice")
        if any(not 0 <= number < MOST_CLASSES for number, _ in pairs):
            raise ValueError(f"{key} has a number below 0 or above {MOST_CLASSES:,}")
        return {number: json_text(name) for number, name in pairs}


def _reader(file: str) -> Callable[[str, str], _Pairs] | None:
    if file.endswith(YAML):
        return _of_yaml
    if file == "notes.json":  # Label Studio's
        return _of_notes
    is_list = file in {"classes.txt", "_darknet.labels"} or file.endswith(".names")
    return _of_lines if is_list else None


def _of_yaml(text: str, key: str) -> _Pairs:
    if key not in text:  # a YAML file of something else
        return []
    table = plain_yaml(text)
    names = table.get(key) if isinstance(table, dict) else None
    if names and _POINTS in table:
        raise ValueError(f"{_POINTS}: labels with key points, which are not read")
    if isinstance(names, dict):
        return [(integer(number), known) for number, known in names.items()]
    return list(enumerate(json_list(names or [], key)))


def _of_notes(text: str, key: str) -> _Pairs:
    del key
    content = from_json(text)
    kinds = content.get("categories") if isinstance(content, dict) else None
    return [
        (json_integer(kind["id"]), kind["name"]) for kind in json_list(kinds or [], "categories")
    ]


def _of_lines(text: str, key: str) -> _Pairs:
    """A name per line; the number of a blank one belongs to no class."""
    del key
    lines = (line.strip() for line in text.split("\n"))
    return [(number, name) for number, name in enumerate(lines) if name]
