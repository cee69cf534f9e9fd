"""The folder that `agcam explain` writes to: which pictures are done, and what the page shows."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from ..errors import SaveError
from .manifests import hash_of, read_manifest
from .options import SavedDrawing

if TYPE_CHECKING:
    from ..explainer import Batch
    from ..explanation import Explanation

EMBEDDED: Final = 300  # pictures; a page of more of them leaves them in their own files
FEW: Final = 40  # pictures; a page of no more of them shows them large
LARGE_SIDE, SMALL_SIDE = 900, 480  # pixels of the longer side of a picture on the page
FOLDER: Final = "thumbnails"
TITLE: Final = "What the model looked at"
LEAD: Final = (
    "Colours run from each map's lowest relevance to its highest; striped grey is what the model "
    "never saw."
)
OF_ONE_NAME: Final = {None, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}
"""Why the files of one picture cannot be written, while those of others can."""


@dataclass
class ExplainedFolder:
    """The folder that the command writes to, for one request.

    `stems` begin the names of each picture's files. With `resume`, pictures that are done are kept.
    With `every`, methods beside the first have files too, in folders of their names.
    """

    out: Path
    stems: Mapping[Path, str]
    request: str
    drawing: SavedDrawing
    resume: bool
    every: bool = False
    known: int = 0  # pictures that were done before
    explained: int = 0  # pictures that are on the page
    failed: int = 0
    _found: dict[Path, dict[str, Any]] = field(default_factory=dict)  # of the last batch
    _hashes: dict[Path, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        out: Path,
        paths: Sequence[Path],
        request: str,
        drawing: SavedDrawing,
        resume: bool,
        every: bool,
    ) -> ExplainedFolder:
        """The folder for some pictures, whose files are called as they are."""
        from ..explanation import file_names

        names = file_names([str(path) for path in paths])
        return cls(out, dict(zip(paths, names, strict=True)), request, drawing, resume, every)

    def __post_init__(self) -> None:
        """Remove the file that was being written when a run was killed."""
        for folder in (self.out, *self.out.glob("*/")) if self.resume else ():
            for file in folder.glob(f".{'[0-9a-f]' * 16}.part"):
                file.unlink(missing_ok=True)

    def is_done(self, paths: Sequence[Path]) -> bool:
        """Whether all pictures of a batch are done; others are hashed before they are opened.

        A batch holds the same pictures in a resumed run, so that it gives the same numbers.
        """
        found = {path: self._manifest(path) for path in paths if self.resume}
        self._found = {path: manifest for path, manifest in found.items() if manifest is not None}
        self.known += len(self._found)
        self._hashes = {path: hash_of(path) for path in paths if path not in self._found}
        return not self._hashes

    def manifests(self, batch: Batch) -> Iterator[tuple[Path, dict[str, Any] | str]]:
        """The manifest of each picture, saved if it is new, or the reason why there is none."""
        if batch.error is not None:
            yield batch.pictures[0], str(batch.error)
        elif batch.explanation is None:
            yield from self._found.items()
        else:
            for number, path in enumerate(batch.pictures):
                found = self._found.get(path)
                yield path, found or self._saved(batch.explanation, number, path)

    def _saved(self, explanation: Explanation, number: int, path: Path) -> dict[str, Any] | str:
        try:
            return self._save(explanation, number, path)
        except SaveError as error:
            if getattr(error.__cause__, "errno", None) in OF_ONE_NAME:
                return str(error)
            raise SaveError(
                f"{error}; with --resume the run continues where it stopped."
            ) from error

    def _save(self, explanation: Explanation, number: int, path: Path) -> dict[str, Any]:
        """Write what the page shows of a picture, then its files; returns the manifest."""
        from ..explanation import card_of
        from ..maps import write_atomically
        from ..viewer import Picture, card_json, reduced, small_file

        stem, side = self.stems[path], LARGE_SIDE if len(self.stems) <= FEW else SMALL_SIDE
        small = reduced(explanation.pictures[number], side)
        shown = Picture(f"{FOLDER}/{quote(self._thumbnail(stem).name)}", *small.size)
        card = card_json(card_of(explanation, number, shown=shown))
        beside = {
            self._thumbnail(stem): small_file(small),
            self._card(stem): json.dumps(card, ensure_ascii=False).encode(),
        }
        made: list[Path] = []
        more = {"request_sha256": self.request, "picture_sha256": self._hashes[path]}
        try:
            for file, data in beside.items():
                write_atomically(file, data)
            for one in explanation.beside if self.every else ():
                made += one.save_one(self.out / one.method, number, stem, self.drawing.style, more)
            files = explanation.save_one(self.out, number, stem, self.drawing.style, more)
        except BaseException:
            for file in (*beside, *made):
                file.unlink(missing_ok=True)
            raise
        manifest: dict[str, Any] = json.loads(files[-1].read_text(encoding="utf-8"))
        return manifest

    def _manifest(self, path: Path) -> dict[str, Any] | None:
        """The manifest of a picture that is done: same picture, same request, all files."""
        stem = self.stems[path]
        try:
            manifest, files = read_manifest(self.out, stem)
            same = manifest["request_sha256"] == self.request
            same = same and manifest["source"] == str(path)
            files += [self._thumbnail(stem), self._card(stem)]
            for method in manifest["beside"] if self.every else ():
                files += read_manifest(self.out / method, stem)[1]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if not same or not all(file.is_file() for file in files):
            return None
        return manifest if manifest["picture_sha256"] == hash_of(path) != "" else None

    def card(self, manifest: dict[str, Any]) -> dict[str, Any]:
        """What the page shows of a picture that is done, as the viewer reads it."""
        from ..viewer import data_address

        self.explained += 1
        stem = manifest["map_file"].removesuffix(".npy")
        card: dict[str, Any] = json.loads(self._card(stem).read_text(encoding="utf-8"))
        if len(self.stems) <= EMBEDDED:
            card["picture"]["src"] = data_address(self._thumbnail(stem).read_bytes())
        return card

    def failure(self, path: Path, why: str) -> dict[str, Any]:
        """What the page shows of a picture that could not be explained."""
        from ..viewer import Card, card_json

        self.failed += 1
        return card_json(Card(str(path), error=why))

    def write_page(self, cards: Iterable[Mapping[str, Any]], footer: str) -> Path:
        """Write the page as the cards come: it can be looked at while others are made.

        Nothing is written before the first card is there.
        """
        from ..maps import write_as_it_comes
        from ..viewer import Document, page_pieces

        cards = iter(cards)
        first = list(islice(cards, 1))
        view = {"opacity": self.drawing.alpha, "colormap": self.drawing.colormap}
        document = Document(TITLE, LEAD, footer, view=view)
        write_as_it_comes(self.page, page_pieces(document, chain(first, cards), self._counts))
        return self.page

    def _counts(self) -> str:
        rest = f", {self.failed} could not be" if self.failed else ""
        return f"{self.explained} picture{'' if self.explained == 1 else 's'} explained{rest}."

    @property
    def page(self) -> Path:
        """Where the page is."""
        return self.out / "index.html"

    def _thumbnail(self, stem: str) -> Path:
        from ..viewer import SMALL

        return self.out / FOLDER / f"{stem}.{SMALL}"

    def _card(self, stem: str) -> Path:
        return self.out / FOLDER / f"{stem}.json"
