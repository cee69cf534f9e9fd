"""What `agcam explain` has on disk: which pictures are done, and what the page shows of each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from ..explanation import Explanation
    from ..maps import Card, Thumbnail
    from ..values import Answer, Classifier

THUMBNAIL_SIDE: Final = 480  # pixels of the longer side
EMBEDDED: Final = 150  # thumbnails; a page with more of them leaves them in their own files
FOLDER: Final = "thumbnails"


def request_of(classifier: Classifier, **asked: Any) -> str:
    """A hash of all that a picture's files depend on, but for the picture itself."""
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
        **asked,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def hash_of(path: Path) -> str:
    """SHA-256 of a file; an empty text where it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()


@dataclass(frozen=True)
class Explained:
    """The folder that the command writes to, for one request.

    `embed` is whether the page holds its thumbnails; else it names their files.
    """

    out: Path
    request: str
    embed: bool
    alpha: float
    colormap: str

    def tidy(self) -> None:
        """Remove the file that was being written when a run was killed."""
        for folder in (self.out, self.out / FOLDER):
            for file in folder.glob(f".{'[0-9a-f]' * 16}.part"):
                file.unlink(missing_ok=True)

    def found(self, path: Path, stem: str) -> dict[str, Any] | None:
        """The manifest of a picture that is done: the same picture, asked the same, all files."""
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
        return manifest if manifest["picture_sha256"] == hash_of(path) != "" else None

    def save(
        self, explanation: Explanation, small: Explanation, picture: int, stem: str, file: str
    ) -> dict[str, Any]:
        """Write thumbnails (of `small`), then the picture's files; returns the manifest.

        `file` is the hash of the picture's file as it was before it was opened.
        """
        from ..maps import small_file, write_atomically

        more = {"request_sha256": self.request, "picture_sha256": file}
        pictures = {stem: small.pictures[picture]}
        for asked, name in enumerate(explanation.file_stems(picture, stem)):
            pictures[name] = small.overlay(picture, asked, alpha=self.alpha, colormap=self.colormap)
        try:
            for name, drawn in pictures.items():
                write_atomically(self._thumbnail(name), small_file(drawn))
            files = explanation.save_one(
                self.out, picture, stem, alpha=self.alpha, colormap=self.colormap, more=more
            )
        except BaseException:
            for name in pictures:
                self._thumbnail(name).unlink(missing_ok=True)
            raise
        manifest: dict[str, Any] = json.loads(files[-1].read_text(encoding="utf-8"))
        return manifest

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
        pieces = page_pieces(title, chain(first, cards), footer, self.colormap)
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
