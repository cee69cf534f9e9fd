"""`agcam explain`: pictures in; a table, overlays and one HTML page out."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import PictureError
from ..wording import printable
from .folder import ExplainedFolder, answer_of, explained_in, request_hash
from .loading import Loading
from .options import BatchSize, Model, SavedDrawing, Targeting, make_folder, takes_groups
from .progress import Bar, bars
from .stopping import advise

if TYPE_CHECKING:
    from ..explainer import Batch


@takes_groups
def explain(
    pictures: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders of pictures, or globs.", metavar="PICTURE..."),
    ],
    model: Model = "demo",
    *,
    targeting: Targeting,
    method: Annotated[str, typer.Option(help="See `agcam list methods`.")] = "agcam",
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("explained"),
    drawing: SavedDrawing,
    batch_size: BatchSize = 8,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue: keep what the same command left in --out."),
    ] = False,
    loading: Loading,
) -> None:
    """Explain what a model saw in pictures, and where: overlays, maps and one HTML page."""
    from ..explainer import explain_each
    from ..explanation import file_names
    from ..images import find_pictures
    from ..methods import METHODS
    from ..values import preparation_text

    paths = find_pictures(pictures)
    if not any(os.path.lexists(path) for path in paths):
        raise PictureError("; ".join(f"{printable(path)} does not exist" for path in paths[:5]))
    _ = METHODS[method]  # a wrong name is reported before a model is loaded
    drawing.check()
    make_folder(out)
    classifier = loading.load(model)
    folder = ExplainedFolder(
        out,
        dict(zip(paths, file_names([str(path) for path in paths]), strict=True)),
        request_hash(classifier, method=method, **asdict(targeting), **asdict(drawing)),
        drawing,
        resume=resume,
    )
    preparation = f"preparation: {preparation_text(classifier.preparation)}"
    summary = _Summary(folder, notes=dict.fromkeys(classifier.notes))
    advise("what is done is kept; the same command with --resume continues")
    with bars() as bar:
        batches = explain_each(
            classifier,
            paths,
            targeting.of(classifier, len(paths)),
            method,
            batch_size=batch_size,
            skip=folder.is_done,
            progress=bar("running the model"),
        )
        cards = summary.cards(batches, bar("explaining"))
        footer = f"{method} of {classifier.name}. {preparation}."
        page = folder.write_page(cards, footer)
    summary.show(preparation, page)
    if summary.failed:
        raise typer.Exit(1)


@dataclass
class _Summary:
    """What came of each picture: a row of the table, or an error; nothing else is kept of it."""

    folder: ExplainedFolder
    notes: dict[str, None]  # in order, each once
    rows: list[tuple[str, list[str], list[str]]] = field(default_factory=list)
    failed: int = 0

    def cards(self, batches: Iterable[Batch], progress: Bar) -> Iterator[dict[str, Any]]:
        """The page's card of each picture; its files are written before it is given."""
        for batch in batches:
            for path, manifest in self.folder.manifests(batch):
                if isinstance(manifest, str):
                    yield self._failure(path, manifest)
                else:
                    yield self._success(manifest)
            progress(len(self.rows) + self.failed, len(self.folder.stems))

    def _failure(self, path: Path, why: str) -> dict[str, Any]:
        self.failed += 1
        typer.echo(f"agcam: {why}", err=True)
        return self.folder.failure(path, why)

    def _success(self, manifest: dict[str, Any]) -> dict[str, Any]:
        card = self.folder.card(manifest)
        self.notes.update(dict.fromkeys(manifest["notes"]))
        if card["note"]:
            self.notes[card["note"]] = None
        predicted = [f"{one.name} {one.score}" for one in map(answer_of, manifest["top"][:3])]
        self.rows.append((Path(manifest["source"]).name, predicted, explained_in(manifest)))
        return card

    def show(self, preparation: str, page: Path) -> None:
        """Print the table, the notes and where the files are."""
        from .table import print_table

        if self.rows:
            print_table(("picture", "predicted", "explained"), self.rows)
        typer.echo(preparation)
        for note in self.notes:
            typer.echo(f"note: {note}")
        before = f" ({self.folder.known} of them before)" if self.folder.known else ""
        where = f"overlays, maps and manifests are in {self.folder.out}, " if self.rows else ""
        typer.echo(
            f"{len(self.rows)} explained{before}, {self.failed} failed; {where}the page is {page}"
        )
