"""`agcam explain`: pictures in; a table, overlays and one HTML page out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .folder import ExplainedFolder
from .loading import Loading
from .manifests import answer_of, explained_in, request_hash
from .options import (
    BatchSize,
    MethodOptions,
    Model,
    SavedDrawing,
    Sharpening,
    Targeting,
    make_folder,
    methods_in,
    takes_groups,
)
from .paths import check_existing
from .progress import Bar, bars
from .say import say
from .stopping import advise

if TYPE_CHECKING:
    from ..explainer import Batch
    from ..values import Classifier


@takes_groups
def explain(
    pictures: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders of pictures, or globs; videos or folders of frames for a model "
            "of clips.",
            metavar="PICTURE...",
        ),
    ],
    model: Model = "demo",
    *,
    targeting: Targeting,
    method: Annotated[
        str | None,
        typer.Option(
            help="A name of `agcam list methods`, or several between commas, from one recording; "
            "the first has its files in --out, each other in a folder of its name. By default "
            "agcam, and beside it on the page agcam_spread, or agcam_evidence of classifiers that "
            "read their patches."
        ),
    ] = None,
    options: MethodOptions = None,
    blocks: Annotated[
        bool, typer.Option("--blocks", help="Show on the page what each block and head adds.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("explained"),
    sharpening: Sharpening,
    drawing: SavedDrawing,
    batch_size: BatchSize = 8,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue: keep what the same command left in --out."),
    ] = False,
    loading: Loading,
) -> None:
    """Explain what a model saw in pictures, and where: overlays, maps and one HTML page."""
    names, chosen = methods_in(method, options or ())  # before a model, or its library, is loaded
    check_existing(pictures)
    drawing.check()
    make_folder(out)
    from ..explainer import explain_each
    from ..images import find_inputs

    classifier = loading.load(model)
    paths = find_inputs(classifier, pictures)
    groups = {**asdict(targeting), **asdict(sharpening), **asdict(drawing)}
    request = {"method": method, "options": chosen, "blocks": blocks, **groups}
    key = request_hash(classifier, **request)
    folder = ExplainedFolder.of(out, paths, key, drawing, resume, method is not None)
    advise("what is done is kept; the same command with --resume continues")
    with bars() as bar:
        batches = explain_each(
            classifier,
            paths,
            targeting.of(classifier, len(paths)),
            names,
            batch_size=batch_size,
            skip=folder.is_done,
            progress=bar("running the model", "passes"),
            options=chosen,
            blocks=blocks,
            **vars(sharpening),
        )
        summary = _Summary(folder, classifier, names)
        page = folder.write_page(summary.cards(batches, bar("explaining")), summary.footer)
    summary.end(page)


NOTES: Final = 8  # lines on the terminal


@dataclass
class _Summary:
    """What came of each picture: a row of the table, or an error; nothing else is kept of it."""

    folder: ExplainedFolder
    classifier: Classifier
    methods: str | tuple[str, ...] | None
    notes: dict[str, None] = field(default_factory=dict)  # in order, each once
    rows: list[tuple[str, list[str], list[str]]] = field(default_factory=list)
    failed: int = 0

    @property
    def preparation(self) -> str:
        """How pictures are prepared for the model."""
        from ..values import preparation_text

        return (
            f"preparation: {preparation_text(self.classifier.sound or self.classifier.preparation)}"
        )

    @property
    def footer(self) -> str:
        """What was done, in a line."""
        names = (self.methods,) if isinstance(self.methods, str) else self.methods
        shown = "The usual maps" if names is None else ", ".join(names)
        return f"{shown} of {self.classifier.name}; {self.preparation}."

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
        refused = (f"{name} refused: {why}" for name, why in manifest["refused"].items())
        self.notes.update(dict.fromkeys([*manifest["notes"], *refused]))
        if card["note"]:
            self.notes[card["note"]] = None
        predicted = [f"{one.name} {one.score}" for one in map(answer_of, manifest["top"][:3])]
        self.rows.append((Path(manifest["source"]).name, predicted, explained_in(manifest)))
        return card

    def end(self, page: Path) -> None:
        """Print the table, the notes and where the files are; exit with 1 if a picture failed."""
        from ..explainer.doubts import AGREE_LITTLE
        from .table import print_table

        if self.rows:
            print_table(("picture", "predicted", "explained"), self.rows)
        typer.echo(self.preparation)
        notes = list(dict.fromkeys((*self.classifier.notes, *self.notes)))
        notes.sort(key=lambda note: AGREE_LITTLE in note)  # there may be one for every picture
        for note in notes[:NOTES]:
            say(f"note: {note}")
        if len(notes) > NOTES:
            say(f"note: and {len(notes) - NOTES} more, which the page and the manifests have")
        before = f" ({self.folder.known} of them before)" if self.folder.known else ""
        where = f"overlays, maps and manifests are in {self.folder.out}, " if self.rows else ""
        typer.echo(
            f"{len(self.rows)} explained{before}, {self.failed} failed; {where}the page is {page}"
        )
        if self.failed:
            raise typer.Exit(1)
