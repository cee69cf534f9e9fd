"""From a layout's own code to a row of the table: what every reader does, written once.

A layout's module has a function `read(root) -> Listing`. `reader` makes a `Reader` of it: its data
set checks every sample's label and annotation, and its errors state what is expected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial, wraps
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from ..addresses import Place, is_address
from ..errors import DataSetError
from ..values import DataSet, Reader, Sample, Truth
from .annotation import Annotation, check, no_annotation, reading
from .checked import repeated
from .classes import Classes

PICTURES: Final = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")
_SHOWN = 6  # names of what was found


class Listing(NamedTuple):
    """What a layout's `read` finds: classes, samples, and how one of them is annotated.

    `annotate` must be picklable, and may raise whatever reading a broken file raises.
    """

    classes: Classes
    samples: Sequence[Sample]
    annotate: Callable[[Sample], Annotation] = no_annotation


class LayoutError(DataSetError):
    """The files are laid out otherwise; `reader` adds what is expected."""

    def __init__(self, problem: str, found: str = "") -> None:
        super().__init__(problem)
        self.found = f" Found: {found}." if found else ""


def reader(
    name: str,
    read: Callable[[str], Listing],
    layout: str,
    cite: str,
    medium: str = "picture",
) -> Reader:
    """Make a row of the table of data sets.

    Args:
        name: The name of the layout.
        read: Lists the samples of a root; it may raise whatever reading a broken file raises.
        layout: The files that it expects, for users.
        cite: The source of the data set.
        medium: What its samples are.

    Returns:
        The row, whose `read` raises DataSetError, naming the root, for whatever fails.
    """

    @wraps(read)
    def read_set(root: str) -> DataSet:
        address = str(root)
        if not is_address(address):  # samples' addresses must hold in other processes
            address = str(Path(address).expanduser().absolute())
        try:
            with reading(address):
                made = _data_set(name, _not_empty(read(address), address))
                return (
                    made if medium == "picture" else replace(made, truth=_class_only, medium=medium)
                )
        except LayoutError as error:
            message = f"{error.args[0]}. Expected: {layout}.{error.found}"
            raise DataSetError(message) from error.__cause__

    return Reader(name, read_set, layout, cite)


def _not_empty(listing: Listing, address: str) -> Listing:
    if not listing.samples:
        raise LayoutError(f"{address}: no picture in it has a label")
    return listing


def _data_set(name: str, listing: Listing) -> DataSet:
    """Each sample's name once; one that occurs twice fails."""
    classes = tuple(listing.classes.names)
    twice = repeated(sample.name for sample in listing.samples)
    samples: dict[str, Sample] = {}
    for sample in listing.samples:
        first = samples.setdefault(sample.name, sample)
        if sample.name in twice and not first.problem:
            samples[sample.name] = replace(first, problem=f"{sample.name} occurs twice")
    known = listing.classes.known
    unknown = {label: names[0] for label, names in enumerate(classes) if label >= known}
    truth = partial(_truth, annotate=listing.annotate, unknown=unknown)
    return DataSet(name, classes, tuple(samples.values()), truth)


def _class_only(sample: Sample) -> Truth:
    """That of a clip or a sound, which has no boxes and masks."""
    if sample.problem:
        raise DataSetError(sample.problem)
    return Truth(np.zeros((0, 4)))


def _truth(
    sample: Sample, *, annotate: Callable[[Sample], Annotation], unknown: Mapping[int, str]
) -> Truth:
    if sample.problem:
        raise DataSetError(sample.problem)
    if sample.label in unknown:
        raise DataSetError(
            f"{sample.name}: {unknown[sample.label]!r} is not a class of this data set"
        )
    with reading(f"the annotation of {sample.name}"):
        annotation = annotate(sample)
    return check(sample, annotation)


def bad(name: str, problem: object, address: str = "") -> Sample:
    """A sample that cannot be judged, and why: what is wrong in a data set is never skipped."""
    return Sample(name, address, 0, str(problem))


def unread(place: Place, folder: str, skipped: Mapping[str, str]) -> list[Sample]:
    """A bad sample for each folder that was not read."""
    base = place.folder(folder)
    return [
        bad(f"{name}/", f"the folder {base.at(name)} was not read: {why}")
        for name, why in sorted(skipped.items())
    ]


def require(place: Place, *names: str) -> None:
    """Raise LayoutError for the first of some files that is not there."""
    for name in names:
        if not place.has(name):
            raise missing(place, name)


def missing(place: Place, what: str) -> LayoutError:
    """The error for a folder that lacks something: what that is, and what was found."""
    is_file = not is_address(place.root) and Path(place.root).is_file()
    if is_file and not place.root.lower().endswith(".zip"):
        return LayoutError(f"{place.root} is a file, not a folder")
    return LayoutError(f"{place.root}: {what} is missing", _found(place))


def _found(place: Place) -> str:
    try:
        found = place.contents()
    except OSError as error:
        return f"it could not be listed: {error}"
    if not found and not place.has(""):
        return "no such folder"
    if not found and place.root.lower().endswith(".zip") and "::" not in place.root:
        return f"a zip file, which is read as zip::{place.root}"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more or "nothing"


def folder_with(folders: Iterable[Place], files: Sequence[str]) -> Place | None:
    """The first folder that holds one of the first ten files."""
    return next((f for f in folders if any(f.has(file) for file in files[:10])), None)


def parent(root: str) -> tuple[Place, str]:
    """The folder of a file, and the file's name in it, for paths and addresses."""
    first, chained, rest = root.partition("::")
    before, slash, name = first.replace("\\", "/").rpartition("/")
    if not slash:
        return Place("."), name
    if before.endswith("/"):  # `zip://boxes.csv`: the file lies at the top
        before = f"{before}/"
    return Place((before or "/") + chained + rest), name


def above(place: Place, path: str) -> tuple[Place, str]:
    """A folder and a path in it, for a path that leads above a folder: an address knows no `..`.

    Nothing lies above the top of an archive or a disk: there the path keeps its `..`.
    """
    while path.split("/")[0] == ".." and "/" in place.root.split("::")[0].rstrip("/"):
        place, path = parent(place.root.rstrip("/"))[0], path[3:]
    return place, path
