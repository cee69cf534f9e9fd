"""Where the pictures of YOLO's layouts lie, the text of each, and the names of the classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from ..addresses import Place
from .reader import PICTURES, LayoutError, missing, parent

_PICTURES: Final = "images"
_TEXTS: Final = ("labels", "boxes")  # in the place of images/, the first that is there
_OUTLINES: Final = "polygons"


class Text(NamedTuple):
    """The lines of a picture: a file in a folder of texts, and the folder of more polygons or "".

    Files have the same name in both folders.
    """

    folder: str
    name: str
    outlines: str = ""


class Found(NamedTuple):
    """Pictures with a text, by their paths in `place`; names of samples begin after `prefix`.

    `skipped` are folders below the prefix that were not read, with the reason.
    """

    place: Place
    prefix: str
    texts: Mapping[str, Text]
    skipped: Mapping[str, str]


def find_texts(root: str, parts: tuple[str, ...] = ()) -> Found:
    """The pictures of a data set, of some of its parts, or of one folder of pictures.

    A picture in a folder images/ (the innermost, which may lie above the root) has its text at the
    same path in labels/ or boxes/ beside that folder; where neither is there, beside the picture.

    Raises LayoutError where there are no pictures, or none has a text.
    """
    place, inside = _place(root)
    pictures, skipped = place.walk(inside, PICTURES)
    prefix = f"{inside}/" if inside else ""
    if parts:
        pictures = [one for one in pictures if _within(prefix + one, parts)]
        skipped = {one: why for one, why in skipped.items() if _within(prefix + one, parts)}
    if not (pictures or skipped):
        raise missing(Place(root), "a picture, in images/ or elsewhere,")
    texts = _Texts(place)
    wanted = {prefix + file: texts.of(prefix + file) for file in pictures}
    there = {file: text for file, text in wanted.items() if texts.has(text.folder, text.name)}
    if pictures and not there:
        first, text = next(iter(wanted.items()))
        raise LayoutError(
            f"{root}: none of its {len(pictures)} pictures has a .txt with labels: that of "
            f"{first.removeprefix(prefix)} would be {place.folder(text.folder).at(text.name)}"
        )
    return Found(place, prefix, there, skipped)


def _within(file: str, folders: Iterable[str]) -> bool:
    return any(f"{file}/".startswith(f"{folder}/") for folder in folders)


def _place(root: str) -> tuple[Place, str]:
    """The folder in which images/ lies, and the root in it; else the root itself, and ""."""
    place = Place(root)
    if place.has(_PICTURES) and _has_texts(place):
        return place, _PICTURES
    above = _above(root)
    return above if above and _has_texts(above[0]) else (place, "")


def _has_texts(place: Place) -> bool:
    return any(place.has(name) for name in _TEXTS)


def _above(root: str) -> tuple[Place, str] | None:
    """The folder of the innermost images/ that the root is, or lies in; and the root in it."""
    inside: list[str] = []
    while _has_parent(root):
        place, name = parent(root)
        inside.insert(0, name)
        if name == _PICTURES:
            return place, "/".join(inside)
        root = place.root
    return None


def _has_parent(root: str) -> bool:
    first = root.split("::")[0].replace("\\", "/")
    return "/" in first and not first.endswith("/")


def folders_of_names(root: str, found: Found) -> list[list[str]]:
    """Where a list of the classes may lie, the nearest first; those of one entry must agree.

    That is no farther than one folder above all pictures: a list that lies higher may be of
    something else.
    """
    beside = [found.place.at(folder) for folder in _folders(found.texts.values())]
    above = [parent(found.place.root)[0].root] if _has_parent(found.place.root) else []
    return [[root], beside, [found.place.root], above]


def _folders(texts: Iterable[Text]) -> list[str]:
    """The folders of texts, and those in them that hold one, sorted."""
    found = set()
    for text in texts:
        inside = text.name.rpartition("/")[0]
        found |= {text.folder, "/".join(part for part in (text.folder, inside) if part)}
    return sorted(found)


class _Texts:
    """The texts of pictures; each folder of them is listed once."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._listed: dict[str, frozenset[str]] = {}
        self._named: dict[str, str] = {}

    def of(self, file: str) -> Text:
        """Where the text of a picture is to be, whether it is there or not."""
        folders = file.split("/")[:-1]
        text = file.rsplit(".", 1)[0] + ".txt"
        if _PICTURES not in folders:
            return Text("", text)
        depth = len(folders) - folders[::-1].index(_PICTURES)
        base = "".join(f"{name}/" for name in folders[: depth - 1])
        name = text.split("/", depth)[depth]
        outlines = base + _OUTLINES
        return Text(self._beside(base), name, outlines if self.has(outlines, name) else "")

    def _beside(self, base: str) -> str:
        """The folder of texts for the pictures in `base`images/."""
        if base not in self._named:
            named = (base + name for name in _TEXTS if self._place.has(base + name))
            self._named[base] = next(named, base + _PICTURES)
        return self._named[base]

    def has(self, folder: str, name: str) -> bool:
        """Whether a text is there. Raises OSError where a folder of texts cannot be read."""
        if folder not in self._listed:
            self._listed[folder] = frozenset(self._place.files(folder, (".txt",)))
        return name in self._listed[folder]
