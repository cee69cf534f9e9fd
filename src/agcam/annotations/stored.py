"""The output folder: one record for each picture, written once; the final files from them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final

from ..errors import SaveError
from ..evaluation.run import locked
from ..maps import write_atomically
from ..wording import cell
from .as_text import table
from .formats import FORMATS, Format
from .labels import File
from .placing import hash_of, place
from .record import Annotations, Record, record_of

MANIFEST: Final = "agcam.json"
FOLDER: Final = "records"
FAILURES: Final = "failures.csv"
OUTDATED: Final = "changed"  # among the records: pictures changed since formats were written
GROWING: Final = ("classes", "pictures", "pictures_sha256")
"""What of a manifest may differ in another call: pictures, and class folders, come and go."""
DAMAGED: Final = (OSError, ValueError, TypeError, KeyError, AttributeError)
WRITTEN: Final = "formats"  # among the records: the names of formats that were written
PART: Final = f".{'[0-9a-f]' * 16}.part"


@dataclass
class Stored:
    """The records of one request in the folder `out`.

    `pictures` are all pictures by their paths, `classes` those that records name.
    """

    out: Path
    manifest: Mapping[str, Any]
    pictures: Mapping[Path, File]
    classes: Sequence[str]
    _done: dict[Path, bool] = field(default_factory=dict)  # and whether they were skipped

    @cached_property
    def _numbers(self) -> Mapping[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Write to the folder, which no other process may do meanwhile.

        What a killed run was writing is removed, and so is what formats hold of pictures
        that are no longer there. Raises SaveError if the folder has another request, RunError if it
        is in use.
        """
        path, text = self.out / MANIFEST, _text(self.manifest)
        folder = self.out / FOLDER
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SaveError(f"cannot make the folder {folder}: {error.strerror}.") from error
        with locked(f"{folder}/", "annotate", "give another folder (--out)"):
            kept = sorted(folder.glob("*.json"))
            if kept:  # a request that was refused at its first picture binds nobody
                self._continue(_read_manifest(path), kept)
            for part in self.out.rglob(PART):
                part.unlink(missing_ok=True)
            write_atomically(path, text)
            yield

    def _continue(self, was: Mapping[str, Any], kept: Sequence[Path]) -> None:
        """Go on with the records of an earlier call; those of pictures that are gone stay.

        Raises SaveError if it was another request.
        """
        now = json.loads(_text(self.manifest))
        if was == now:
            return
        other = [name for name in {**now, **was} if was.get(name) != now.get(name)]
        names = {file.name for file in self.pictures.values()}
        if any(_source(path) in names for path in kept):
            other = [name for name in other if name not in GROWING]
        if other:
            which = ", ".join(dict.fromkeys(name.removesuffix("_sha256") for name in other))
            raise SaveError(
                f"{self.out} holds annotations of another request (other {which}); give another "
                "folder (--out)."
            )
        write_atomically(self.out / FOLDER / OUTDATED, b"")
        stems = {file.stem for file in self.pictures.values()}
        for path in kept:
            if path.stem not in stems:
                self._clear(path)

    def _clear(self, path: Path) -> None:
        """Remove what formats made of a picture, by its record."""
        write_atomically(self.out / FOLDER / OUTDATED, b"")
        with suppress(*DAMAGED):
            record = record_of(path.read_bytes(), defaultdict(int))  # its classes may be gone, too
            for row in FORMATS.values():
                names = {f"{row.folder}/{record.stem}{suffix}" for suffix in row.kept}
                with suppress(SaveError):  # what cannot be written was not
                    one = Annotations((record,) * (not record.error), ("",), self.manifest)
                    names |= {name for name, _ in row.write(one)}
                for name in names:
                    if PurePath(name).stem == record.stem:
                        (self.out / name).unlink(missing_ok=True)

    def are_done(self, paths: Iterable[Path]) -> bool:
        """Whether all these pictures were annotated before and are unchanged."""
        some = set(paths)
        done = {path: bool(found.error) for path in some if (found := self._of_now(path))}
        self._done |= done
        return len(done) == len(some)

    def _of_now(self, path: Path) -> Record | None:
        """The record of a picture as it is, None if there is none."""
        record, labels = self._read(path), self.pictures[path].labels
        if record is None or not (record.error or labels in {None, record.labels}):
            return None
        return record if record.picture_sha256 == hash_of(path) != "" else None

    @property
    def known(self) -> int:
        """How many pictures were annotated before; those that were skipped are none."""
        return len(self._done) - sum(self._done.values())

    def write(self, path: Path, record: Record) -> None:
        """Keep the record of a picture, if it was not annotated before."""
        if path in self._done:
            return
        if self._path(path).exists():
            self._clear(self._path(path))
        write_atomically(self._path(path), record.to_json(self.classes))

    def records(self) -> Iterator[tuple[Path, Record]]:
        """Every record, one at a time, in the order of the pictures."""
        for path in self.pictures:
            record = self._read(path)
            if record is None:
                raise SaveError(f"{self._path(path)} is gone; run the same command again.")
            yield path, record

    def _read(self, path: Path) -> Record | None:
        try:
            record = record_of(self._path(path).read_bytes(), self._numbers)
        except DAMAGED:
            return None
        return record if record.source == self.pictures[path].name else None

    def _path(self, path: Path) -> Path:
        return self.out / FOLDER / f"{self.pictures[path].stem}.json"

    def write_failures(self, failures: Mapping[str, str]) -> None:
        """Write the pictures that were skipped to failures.csv; remove it if there are none."""
        path = self.out / FAILURES
        if failures:
            rows = ([cell(name), cell(why)] for name, why in failures.items())
            write_atomically(path, table(("path", "reason"), rows))
        else:
            path.unlink(missing_ok=True)

    def export(self, row: Format, classes: tuple[str, ...], only_used: bool, link: bool) -> None:
        """Write the final files of a format, and place the pictures that it names.

        Where a picture has changed, formats that were written before are written again as well:
        what they hold is of the picture before.
        """
        good = _Good(self)
        if only_used:
            used = sorted({label for record in good for label in record.labels})
            good.numbers = {label: number for number, label in enumerate(used)}
            classes = tuple(classes[label] for label in used)
        found, outdated = Annotations(good, classes, self.manifest), self.out / FOLDER / OUTDATED
        before = self._formats()
        self._note_formats(before | {row.name})
        try:
            self._export(row, found, link)
        except SaveError:  # a format that cannot hold it, perhaps
            with suppress(SaveError):
                self._note_formats(before)
            raise
        for name in before - {row.name} if outdated.exists() else ():
            self._export(FORMATS[name], found, link)
        outdated.unlink(missing_ok=True)

    def _export(self, row: Format, found: Annotations, link: bool) -> None:
        for path, record in self.records():
            if not record.error:
                place(path, self.out / row.folder / record.file(row.kept), link)
        for name, pieces in row.write(found):
            write_atomically(self.out / name, pieces)

    def _note_formats(self, names: set[str]) -> None:
        write_atomically(self.out / FOLDER / WRITTEN, " ".join(sorted(names)).encode())

    def _formats(self) -> set[str]:
        """The formats that were written before, if not wholly."""
        path = self.out / FOLDER / WRITTEN
        text = path.read_text(encoding="ascii", errors="replace") if path.exists() else ""
        return {name for name in text.split() if name in FORMATS}


@dataclass
class _Good:
    """The records without an error, read from the disk each time."""

    stored: Stored
    numbers: Mapping[int, int] | None = None

    def __iter__(self) -> Iterator[Record]:
        for _, record in self.stored.records():
            if not record.error:
                yield record if self.numbers is None else record.renumbered(self.numbers)


def _source(path: Path) -> str | None:
    """The picture of a record, by its name in the folder."""
    try:
        return str(json.loads(path.read_bytes())["source"])
    except DAMAGED:
        return None


def _read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of records that are there. Raises SaveError: without it they could be any."""
    try:
        return dict(json.loads(path.read_bytes()))
    except DAMAGED as error:
        raise SaveError(
            f"{path} is gone or damaged, so that it is not known what the records beside it are "
            "of; give another folder (--out)."
        ) from error


def _text(manifest: Mapping[str, Any]) -> bytes:
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return text.encode("utf-8", "backslashreplace")
