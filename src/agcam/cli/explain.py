"""`agcam explain`: pictures in; a table, overlays and one HTML page out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import ModelError, PictureError, SaveError
from ..wording import printable
from .explained import EMBEDDED, Explained, explained_in, hash_of, request_of
from .loading import Loading, loads_models
from .options import (
    Against,
    Alpha,
    BatchSize,
    Colormap,
    Model,
    Target,
    Top,
    asked_of,
    make_folder,
    refuse_both,
)
from .stopping import advise

if TYPE_CHECKING:
    from ..explanation import Explanation
    from ..maps import Card
    from ..values import Classifier

_OF_ITS_NAME: Final = {None, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}
"""Why one picture's files cannot be written, and others' can."""


@loads_models
def explain(
    pictures: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders of pictures, or globs.", metavar="PICTURE..."),
    ],
    model: Model = "demo",
    target: Target = None,
    against: Against = None,
    top: Top = None,
    method: Annotated[str, typer.Option(help="See `agcam list methods`.")] = "agcam",
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("explained"),
    alpha: Alpha = 0.5,
    colormap: Colormap = "turbo",
    batch_size: BatchSize = 8,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on: what is done in --out, asked the same, is kept."),
    ] = False,
    *,
    loading: Loading,
) -> None:
    """Say what a model saw in pictures, and where; write overlays, maps and one HTML page."""
    refuse_both(target, top)
    from ..images import find_pictures
    from ..maps import colour_table
    from ..methods import METHODS

    paths = find_pictures(pictures)
    if not any(os.path.lexists(path) for path in paths):
        raise PictureError("; ".join(f"{printable(path)} does not exist" for path in paths[:5]))
    _ = METHODS[method], colour_table(colormap)  # a wrong name is told before the model is loaded
    make_folder(out)
    classifier = loading.load(model)
    asked: dict[str, Any] = {"method": method, "target": target, "against": against, "top": top}
    asked |= {"alpha": alpha, "colormap": colormap}
    images = len(paths) * (1 + (top or len(target or [0])))
    done = Explained(out, request_of(classifier, **asked), images <= EMBEDDED, alpha, colormap)
    if resume:
        done.tidy()
    advise("what is done is kept; the same command with --resume goes on")
    run = _Run(classifier, target, top, against, method, batch_size, done, resume)
    page = done.write_page("What the model looked at", run.over(paths), run.footer)
    run.finish(out, page)
    if run.failed:
        raise typer.Exit(1)


@dataclass
class _Run:
    """One call of the command: what was asked, and in words what came of it so far."""

    classifier: Classifier
    target: list[str] | None
    top: int | None
    against: str | None
    method: str
    batch_size: int
    done: Explained
    resume: bool
    rows: list[tuple[str, list[str], list[str]]] = field(default_factory=list)
    failed: int = 0
    known: int = 0  # pictures that were done before
    notes: dict[str, None] = field(default_factory=dict)  # in order, each once

    @property
    def footer(self) -> str:
        """What was done, in a line."""
        return f"{self.method} of {self.classifier.name}. {self.prepared}."

    @property
    def prepared(self) -> str:
        """How pictures are prepared for the model."""
        from ..values import preparation_text

        return f"preparation: {preparation_text(self.classifier.preparation)}"

    def over(self, paths: list[Path]) -> Iterator[Card]:
        """Explain all pictures, some at a time; a bad one is told of and the rest go on.

        Nothing is kept of a picture but its row of the table. A pass holds the same pictures when
        the run goes on as when it was not interrupted, so that it gives the same numbers.
        """
        from rich.progress import track

        from ..explanation import file_names

        names = dict(zip(paths, file_names([str(path) for path in paths]), strict=True))
        starts = range(0, len(paths), self.batch_size)
        for start in track(starts, "explaining", disable=len(starts) < 2 or self._asks()):
            some = {path: names[path] for path in paths[start : start + self.batch_size]}
            there = {path: self.done.found(path, some[path]) for path in some if self.resume}
            found = {path: manifest for path, manifest in there.items() if manifest is not None}
            self.known += len(found)
            made = iter(found.items()) if len(found) == len(some) else self._made(some, found)
            for path, manifest in made:
                yield (
                    self._fail(path, manifest)
                    if isinstance(manifest, str)
                    else self._tell(manifest)
                )

    def _asks(self) -> bool:
        """Whether the method shows a bar of its own."""
        from ..methods import METHODS

        return METHODS[self.method].pictures_per_target is not None

    def _made(
        self, some: dict[Path, str], found: dict[Path, dict[str, Any]]
    ) -> Iterator[tuple[Path, dict[str, Any] | str]]:
        """A manifest or, in words, why there is none, for each picture."""
        from .explained import THUMBNAIL_SIDE

        hashes = {path: hash_of(path) for path in some if path not in found}
        for paths, explanation in self._explain(list(some)):
            if isinstance(explanation, str):
                yield paths[0], explanation
                continue
            small = explanation.shrunk(THUMBNAIL_SIDE)
            for number, path in enumerate(paths):
                one = (number, some[path], hashes.get(path, ""))
                yield path, found.get(path) or self._saved(explanation, small, *one)

    def _saved(
        self, explanation: Explanation, small: Explanation, number: int, stem: str, file: str
    ) -> dict[str, Any] | str:
        try:
            return self.done.save(explanation, small, number, stem, file)
        except SaveError as error:
            if getattr(error.__cause__, "errno", None) in _OF_ITS_NAME:
                return str(error)
            raise SaveError(f"{error}; with --resume the run goes on where it stopped.") from error

    def _explain(self, paths: list[Path]) -> Iterator[tuple[list[Path], Explanation | str]]:
        from ..explainer import explain as explain_
        from .progress import asking

        try:
            asked = asked_of(self.classifier, self.target, self.top, len(paths), self.against)
            with asking(self.method) as progress:
                done = explain_(
                    self.classifier,
                    paths,
                    asked,
                    self.method,
                    batch_size=self.batch_size,
                    progress=progress,
                )
        except (PictureError, ModelError) as error:
            if len(paths) == 1:
                if isinstance(error, ModelError) and not self.rows:
                    raise  # it is the model, not this picture
                yield paths, str(error)
                return
            for path in paths:  # find the bad one; the others are explained
                yield from self._explain([path])
        else:
            yield paths, done

    def _fail(self, path: Path, why: str) -> Card:
        from ..maps import Card

        self.failed += 1
        typer.echo(f"agcam: {why}", err=True)
        return Card(title=str(path), error=why)

    def _tell(self, manifest: dict[str, Any]) -> Card:
        self.notes.update(dict.fromkeys(manifest["notes"]))
        card = self.done.card(manifest)
        if card.note:
            self.notes[card.note] = None
        first = [f"{one.name} {one.score}" for one in card.top[:3]]
        asked = explained_in(manifest)
        self.rows.append((Path(manifest["source"]).name, first, asked))
        return card

    def finish(self, out: Path, page: Path) -> None:
        """Print the table and say where things are."""
        from .table import print_table

        if self.rows:
            print_table(("picture", "predicted", "explained"), self.rows)
        typer.echo(self.prepared)
        for note in dict.fromkeys((*self.classifier.notes, *self.notes)):
            typer.echo(f"note: {note}")
        before = f" ({self.known} of them before)" if self.known else ""
        files = f"overlays, maps and manifests are in {out}, " if self.rows else ""
        typer.echo(
            f"{len(self.rows)} explained{before}, {self.failed} failed; {files}the page is {page}"
        )
