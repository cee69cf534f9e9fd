"""The folder that `agcam explain` writes to: which pictures are done, and what the page shows."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ..errors import SaveError
from .options import Drawing

if TYPE_CHECKING:
    from ..explainer import Batch
    from ..explanation import Explanation
    from ..maps import Card, Thumbnail
    from ..values import Answer, Classifier

THUMBNAIL_SIDE: Final = 480  # pixels of the longer side
EMBEDDED: Final = 150  # thumbnails; a page with more of them leaves them in their own files
FOLDER: Final = "thumbnails"
OF_ONE_NAME: Final = {None, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}
"""Why the files of one picture cannot be written, while those of others can."""


def request_hash(classifier: Classifier, **options: Any) -> str:
    """A hash of all that a picture's files depend on, except the picture itself."""
    from ..explainer import versions
    from ..families import weights_hash

    preparation = classifier.preparation
    parts = {
        "weights": weights_hash(classifier.module),
        "model": classifier.name,
        "classes": classifier.class_names,
        "scores": classifier.scores,
        "preparation": preparation and preparation.numbers(),
        "versions": dict(versions()),
        **options,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _hash_of(path: Path) -> str:
    """SHA-256 of a file; an empty text if it cannot be read."""
    try:
        with path.open("rb") as file:
            digest = hashlib.sha256()
            while part := file.read(1 << 20):
                digest.update(part)
            return digest.hexdigest()
    except (OSError, ValueError):
        return ""


@dataclass
class ExplainedFolder:
    """The folder that the command writes to, for one request.

    `stems` begin the names of each picture's files. `embed` is whether the page holds its
    thumbnails; else it names their files. With `resume`, pictures that are done are kept.
    """

    out: Path
    stems: Mapping[Path, str]
    request: str
    drawing: Drawing
    embed: bool
    resume: bool
    known: int = 0  # pictures that were done before
    _found: dict[Path, dict[str, Any]] = field(default_factory=dict)  # of the last batch
    _hashes: dict[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Remove the file that was being written when a run was killed."""
        for folder in (self.out, self.out / FOLDER) if self.resume else ():
            for file in folder.glob(f".{'[0-9a-f]' * 16}.part"):
                file.unlink(missing_ok=True)

    def is_done(self, paths: Sequence[Path]) -> bool:
        """Whether all pictures of a batch are done; others are hashed before they are opened.

        A batch holds the same pictures in a resumed run, so that it gives the same numbers.
        """
        found = {path: self._manifest(path) for path in paths if self.resume}
        self._found = {path: manifest for path, manifest in found.items() if manifest is not None}
        self.known += len(self._found)
        self._hashes = {path: _hash_of(path) for path in paths if path not in self._found}
        return not self._hashes

    def manifests(self, batch: Batch) -> Iterator[tuple[Path, dict[str, Any] | str]]:
        """The manifest of each picture, saved if it is new, or the reason why there is none."""
        if batch.error is not None:
            yield batch.pictures[0], str(batch.error)
        elif batch.explanation is None:
            yield from self._found.items()
        else:
            small = batch.explanation.shrunk(THUMBNAIL_SIDE)
            for number, path in enumerate(batch.pictures):
                found = self._found.get(path)
                yield path, found or self._saved(batch.explanation, small, number, path)

    def _saved(
        self, explanation: Explanation, small: Explanation, number: int, path: Path
    ) -> dict[str, Any] | str:
        try:
            return self._save(explanation, small, number, path)
        except SaveError as error:
            if getattr(error.__cause__, "errno", None) in OF_ONE_NAME:
                return str(error)
            raise SaveError(
                f"{error}; with --resume the run continues where it stopped."
            ) from error

    def _save(
        self, explanation: Explanation, small: Explanation, number: int, path: Path
    ) -> dict[str, Any]:
        """Write thumbnails (of `small`), then the picture's files; returns the manifest."""
        from ..maps import small_file, write_atomically

        stem, colours = self.stems[path], {**vars(self.drawing)}
        pictures = {stem: small.pictures[number]}
        for target, name in enumerate(explanation.file_stems(number, stem)):
            pictures[name] = small.overlay(number, target, **colours)
        more = {"request_sha256": self.request, "picture_sha256": self._hashes[path]}
        try:
            for name, drawn in pictures.items():
                write_atomically(self._thumbnail(name), small_file(drawn))
            files = explanation.save_one(self.out, number, stem, **colours, more=more)
        except BaseException:
            for name in pictures:
                self._thumbnail(name).unlink(missing_ok=True)
            raise
        manifest: dict[str, Any] = json.loads(files[-1].read_text(encoding="utf-8"))
        return manifest

    def _manifest(self, path: Path) -> dict[str, Any] | None:
        """The manifest of a picture that is done: same picture, same request, all files."""
        stem = self.stems[path]
        try:
            manifest = json.loads((self.out / f"{stem}.json").read_text(encoding="utf-8"))
            same = manifest["request_sha256"] == self.request
            same = same and manifest["source"] == str(path)
            files = [self.out / manifest["map_file"], self._thumbnail(stem)]
            for entry in manifest["targets"]:
                files += [self.out / name for name in entry["files"].values()]
                files.append(self._thumbnail(_name_of(entry)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if not same or not all(file.is_file() for file in files):
            return None
        return manifest if manifest["picture_sha256"] == _hash_of(path) != "" else None

    def card(self, manifest: dict[str, Any]) -> Card:
        """What the page shows of a picture that is done."""
        from ..maps import Card, MapView
        from ..values import MEANING

        maps = [
            MapView(
                entry["caption"],
                self._shown(name),
                entry["relevance"]["lowest"],
                entry["relevance"]["highest"],
            )
            for name, entry in {_name_of(entry): entry for entry in manifest["targets"]}.items()
        ]
        return Card(
            title=manifest["source"],
            picture=self._shown(manifest["map_file"].removesuffix(".npy")),
            top=tuple(_answer(entry) for entry in manifest["top"]),
            maps=tuple(maps),
            note=MEANING[manifest["scores"]],
        )

    def write_page(self, title: str, cards: Iterable[Card], footer: str) -> Path:
        """Write the page as the cards come: it can be looked at while others are made.

        Nothing is written before the first card is there.
        """
        from ..maps import page_pieces, write_as_it_comes

        cards = iter(cards)
        first = list(islice(cards, 1))
        pieces = page_pieces(title, chain(first, cards), footer, self.drawing.colormap)
        write_as_it_comes(self.page, pieces)
        return self.page

    @property
    def page(self) -> Path:
        """Where the page is."""
        return self.out / "index.html"

    def _thumbnail(self, name: str) -> Path:
        from ..maps import SMALL

        return self.out / FOLDER / f"{name}.{SMALL}"

    def _shown(self, name: str) -> Thumbnail:
        from PIL import Image

        from ..maps import Thumbnail, data_address

        file = self._thumbnail(name)
        with Image.open(file) as picture:
            size = picture.size
        address = data_address(file.read_bytes()) if self.embed else f"{FOLDER}/{quote(file.name)}"
        return Thumbnail(address, *size)


def _name_of(entry: dict[str, Any]) -> str:
    name: str = entry["files"]["overlay"]
    return name.removesuffix(".overlay.png")


def _answer(entry: dict[str, Any]) -> Answer:
    from ..values import Answer

    return Answer(entry["name"], entry["class"], entry["value"], entry["probability"])


def explained_in(manifest: dict[str, Any]) -> list[str]:
    """What was explained of a picture, for the table."""
    targets = manifest["targets"]
    if not manifest["class_specific"]:
        return [str(targets[0]["caption"])]
    return [f"{one.name} {one.score}" for one in map(_answer, targets)]
