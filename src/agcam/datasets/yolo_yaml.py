"""A YAML file as the root of a YOLO data set: its classes, its folder and the parts it names."""

from __future__ import annotations

import posixpath
from typing import Any, Final, NamedTuple

from ..addresses import Place
from ..errors import DataSetError
from .annotation import reading
from .checked import json_text
from .plain_yaml import plain_yaml
from .reader import above, parent
from .yolo_names import MOST_BYTES, YAML, in_order, numbered

_PARTS: Final = ("train", "val", "test")


class DataFile(NamedTuple):
    """What a YAML file says: the classes by number, the data set's root, folders of it or none."""

    names: list[str]
    root: str
    parts: tuple[str, ...]


def data_file(root: str) -> DataFile | None:
    """What the root says where it is a YAML file, else None.

    `path:` and the parts are resolved as ultralytics does: `path:` from the file's folder, which
    stands in for one that is not there; a part from `path:`, and `../train/images` also from the
    folder itself, for so Roboflow writes it. A part that is a list of pictures is the whole folder.

    Raises DataSetError where the file names no class, or a part lies elsewhere.
    """
    if not root.split("::")[0].lower().endswith(YAML):
        return None
    place, file = parent(root)
    names = numbered(place, file)
    if not names:
        raise DataSetError(f"{root} has no `names:`, the classes by their numbers")
    with reading(root):
        table = plain_yaml(place.text(file, MOST_BYTES))
        stated = _inside(json_text(table.get("path") or "."))
        base, inside = above(place, stated)
        where = base.folder(inside) if base.folder(inside).has("") else place
        folders = [_folder(where, entry, root) for entry in _entries(table)]
    parts = () if "" in folders else tuple(dict.fromkeys(folders))
    return DataFile(in_order(names), where.root, parts)


def _entries(table: dict[str, Any]) -> list[str]:
    given = [table[part] for part in _PARTS if table.get(part)]
    return [
        json_text(one) for some in given for one in (some if isinstance(some, list) else [some])
    ]


def _folder(place: Place, entry: str, root: str) -> str:
    """A part as a folder in `place`; "" for all of it."""
    own = place.root.replace("\\", "/").rstrip("/") + "/"
    inside = _inside(entry.replace("\\", "/").removeprefix(own))
    if inside.endswith(".txt"):
        return ""
    for folder in (inside, inside.removeprefix("../")):
        if not folder.startswith(("/", "..")) and place.has(folder):
            return folder
    raise DataSetError(
        f"{root}: the pictures that it names, {entry}, are not in {place.root}: give their folder "
        "in the place of the .yaml, with the .yaml in it or in the folder above"
    )


def _inside(path: str) -> str:
    """A path without `.`; "" for the folder itself."""
    plain = posixpath.normpath(path)
    return "" if plain == "." else plain
