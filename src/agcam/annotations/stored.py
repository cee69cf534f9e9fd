"""The output folder: one record for each picture, written once; the final files from them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from PIL import Image

from ..errors import SaveError
from ..evaluation.run import locked
from ..images import open_picture
from ..maps import write_atomically
from ..orientation import is_upright
from .formats import FORMATS, Format
from .record import Annotations, Record, record_of

MANIFEST: Final = "agcam.json"
FOLDER: Final = "records"
OUTDATED: Final = "changed"  # among the records: a picture changed since formats were written
PART: Final = f".{'[0-9a-f]' * 16}.part"
CHUNK: Final = 1 << 20


@dataclass
class Stored:
    """The records of one request in the folder `out`.

    `pictures` are the paths of all pictures with the names and stems of their records.
    """

    out: Path
    manifest: Mapping[str, Any]
    pictures: Mapping[Path, tuple[str, str]]
    _done: set[Path] = field(default_factory=set)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Write to the folder, which no other process may do meanwhile.

        What a killed run was writing is removed. Raises SaveError if the folder has another
        request, RunError if it is in use.
        """
        path, text = self.out / MANIFEST, _text(self.manifest)
        folder = self.out / FOLDER
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SaveError(f"cannot make the folder {folder}: {error.strerror}.") from error
        with locked(f"{folder}/", "annotate", "give another folder (--out)"):
            if path.exists() and path.read_bytes() != text:
                raise SaveError(
                    f"{self.out} holds annotations of another request (model, rule, pictures or "
                    "version); give another folder (--out)."
                )
            for part in self.out.rglob(PART):
                part.unlink(missing_ok=True)
            write_atomically(path, text)
            yield

    def are_done(self, paths: Iterable[Path]) -> bool:
        """Whether all these pictures were annotated before and are unchanged."""
        some = set(paths)
        done = {path for path in some if self._is_done(path)}
        self._done |= done
        return done == some

    def _is_done(self, path: Path) -> bool:
        record = self._read(path)
        return record is not None and record.picture_sha256 == hash_of(path) != ""

    @property
    def known(self) -> int:
        """How many pictures were annotated before."""
        return len(self._done)

    def write(self, path: Path, record: Record) -> None:
        """Keep the record of a picture, if it was not annotated before."""
        if path in self._done:
            return
        if self._path(path).exists():
            write_atomically(self.out / FOLDER / OUTDATED, b"")
        for row in FORMATS.values():  # the picture may have changed
            (self.out / row.folder / record.file(row.kept)).unlink(missing_ok=True)
        write_atomically(self._path(path), record.to_json())

    def records(self) -> Iterator[tuple[Path, Record]]:
        """Every record, one at a time, in the order of the pictures."""
        for path in self.pictures:
            record = self._read(path)
            if record is None:
                raise SaveError(f"{self._path(path)} is gone; run the same command again.")
            yield path, record

    def _read(self, path: Path) -> Record | None:
        try:
            record = record_of(self._path(path).read_bytes())
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        return record if record.source == self.pictures[path][0] else None

    def _path(self, path: Path) -> Path:
        return self.out / FOLDER / f"{self.pictures[path][1]}.json"

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
        others = [one for one in FORMATS.values() if one != row and outdated.exists()]
        for one in (row, *(other for other in others if self._has(other, found))):
            for path, record in self.records():
                if not record.error:
                    place(path, self.out / one.folder / record.file(one.kept), link)
            for name, pieces in one.write(found):
                write_atomically(self.out / name, pieces)
        outdated.unlink(missing_ok=True)

    def _has(self, row: Format, found: Annotations) -> bool:
        """Whether any file of a format is there."""
        with suppress(SaveError):  # what cannot be written was not
            return any((self.out / name).exists() for name, _ in row.write(found))
        return False


@dataclass
class _Good:
    """The records without an error, read from the disk each time."""

    stored: Stored
    numbers: Mapping[int, int] | None = None

    def __iter__(self) -> Iterator[Record]:
        for _, record in self.stored.records():
            if not record.error:
                yield record if self.numbers is None else record.renumbered(self.numbers)


def place(source: Path, target: Path, link: bool) -> None:
    """Copy a picture, or link it where the disk can; another kind becomes what `target` is.

    So does one that its EXIF turns: not every tool does that, and the labels are of upright ones.
    """
    if target.exists():
        return
    if source.suffix.lower() not in _same(target.suffix) or not _is_upright(source):
        _convert(open_picture(source), target)
        return
    if link:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without links
            pass
        else:
            return
    write_atomically(target, _chunks(source))


def _is_upright(source: Path) -> bool:
    """Whether a picture that could be opened is shown as it is stored."""
    with warnings.catch_warnings(), suppress(Exception), Image.open(source) as image:
        warnings.simplefilter("ignore")  # of its size, which was checked when it was explained
        return is_upright(image)
    return True


def _same(suffix: str) -> tuple[str, ...]:
    """The suffixes of a kind of picture."""
    return (".jpg", ".jpeg") if suffix == ".jpg" else (suffix,)


def _convert(picture: Image.Image, target: Path) -> None:
    buffer = io.BytesIO()
    kind = Image.registered_extensions()[target.suffix]
    options: dict[str, Any] = {
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    picture.save(buffer, format=kind, **options.get(kind, {}))
    write_atomically(target, buffer.getvalue())


def hash_of(path: Path) -> str:
    """SHA-256 of a file; an empty text if it cannot be read."""
    digest = hashlib.sha256()
    try:
        for chunk in _chunks(path):
            digest.update(chunk)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _text(manifest: Mapping[str, Any]) -> bytes:
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return text.encode("utf-8", "backslashreplace")
