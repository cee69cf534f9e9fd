"""`agcam explain`: pictures in; a table, overlays and one HTML page out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import AgcamError, ModelError, PictureError
from .options import (
    Alpha,
    Arch,
    BatchSize,
    Classes,
    Colormap,
    Device,
    Model,
    Target,
    Top,
    asked_of,
    load_model,
    make_folder,
    refuse_both,
)

if TYPE_CHECKING:
    from ..explanation import Explanation
    from ..maps import Card
    from ..values import Classifier

PAGE_SIDE: Final = 480  # pixels of a picture's longer side on the HTML page


def explain(
    pictures: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders of pictures, or globs.", metavar="PICTURE..."),
    ],
    model: Model = "demo",
    arch: Arch = None,
    classes: Classes = None,
    target: Target = None,
    top: Top = None,
    method: Annotated[str, typer.Option(help="See `agcam list methods`.")] = "agcam",
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("explained"),
    device: Device = None,
    alpha: Alpha = 0.5,
    colormap: Colormap = "turbo",
    batch_size: BatchSize = 8,
) -> None:
    """Say what a model saw in pictures, and where; write overlays, maps and one HTML page."""
    refuse_both(target, top)
    from ..images import find_pictures
    from ..maps import colour_table
    from ..methods import METHODS

    paths = find_pictures(pictures)
    _ = METHODS[method], colour_table(colormap)  # a wrong name is told before the model is loaded
    make_folder(out)
    classifier = load_model(model, arch, classes, device)
    run = _Run(classifier, target, top, method, out, alpha, colormap, batch_size)
    run.over(paths)
    run.finish()
    if run.failures:
        raise typer.Exit(1)


@dataclass
class _Run:
    """One call of the command: what was asked, and what came of it so far."""

    classifier: Classifier
    target: list[str] | None
    top: int | None
    method: str
    out: Path
    alpha: float
    colormap: str
    batch_size: int
    rows: list[tuple[str, str, str]] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    failures: list[tuple[Path, str]] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)  # in order, each once

    def over(self, paths: list[Path]) -> None:
        """Explain all pictures, some at a time; a bad one is told of and the rest go on."""
        from rich.progress import track

        from ..explanation import file_names

        names = dict(zip(paths, file_names([str(path) for path in paths]), strict=True))
        starts = range(0, len(paths), self.batch_size)
        for start in track(starts, "explaining", disable=len(starts) < 2 or self._asks()):
            some = paths[start : start + self.batch_size]
            for good, explanation in self._explain(some):
                explanation.save(
                    self.out,
                    names=[names[path] for path in good],
                    alpha=self.alpha,
                    colormap=self.colormap,
                )
                self._show(explanation)

    def _asks(self) -> bool:
        """Whether the method shows a bar of its own."""
        from ..methods import METHODS

        return METHODS[self.method].asks is not None

    def _explain(self, paths: list[Path]) -> Iterator[tuple[list[Path], Explanation]]:
        from ..explainer import explain as explain_
        from .progress import asking

        try:
            asked = asked_of(self.classifier, self.target, self.top, len(paths))
            with asking(self.method) as progress:
                done = explain_(
                    self.classifier,
                    paths,
                    asked,
                    self.method,
                    batch_size=self.batch_size,
                    progress=progress,
                )
            yield paths, done
        except (PictureError, ModelError) as error:
            if len(paths) == 1:
                if isinstance(error, ModelError) and not self.rows:
                    raise  # it is the model, not this picture
                self._fail(paths[0], error)
                return
            for path in paths:  # find the bad one; the others are explained
                yield from self._explain([path])

    def _fail(self, path: Path, error: AgcamError) -> None:
        from ..maps import Card

        self.failures.append((path, str(error)))
        self.cards.append(Card(title=str(path), error=str(error)))
        typer.echo(f"agcam: {error}", err=True)

    def _show(self, explanation: Explanation) -> None:
        from ..maps import Card, MapView

        self.notes.update(dict.fromkeys(explanation.notes))
        for picture, source in enumerate(explanation.sources):
            said = explanation.said(picture)
            asked = [explanation.name_of(int(i)) for i in explanation.target[picture]]
            first = ", ".join(f"{name} {value:.0%}" for name, value in said[:3])
            self.rows.append((Path(source).name, first, ", ".join(asked)))
            small = explanation.pictures[picture].copy()
            small.thumbnail((PAGE_SIDE, PAGE_SIDE))
            maps = []
            for column, name in enumerate(asked):
                over = explanation.overlay(
                    picture, column, alpha=self.alpha, colormap=self.colormap
                )
                over.thumbnail((PAGE_SIDE, PAGE_SIDE))
                relevance = explanation.grid_map[picture, column]
                maps.append(MapView(name, over, float(relevance.min()), float(relevance.max())))
            self.cards.append(Card(title=source, picture=small, said=said, maps=tuple(maps)))

    def finish(self) -> None:
        """Write the page, print the table and say where things are."""
        from ..maps import render_page, write_atomically
        from ..values import words_for
        from .table import print_table

        if self.rows:
            print_table(("picture", "the model said", "explained"), self.rows)
        page = self.out / "index.html"
        done = f"{len(self.rows)} explained, {len(self.failures)} failed"
        prepared = f"preparation: {words_for(self.classifier.preparation)}"
        footer = f"{self.method} of {self.classifier.name}. {done}. {prepared}."
        html = render_page("What the model looked at", self.cards, footer, self.colormap)
        write_atomically(page, html.encode())
        typer.echo(prepared)
        for note in dict.fromkeys((*self.classifier.notes, *self.notes)):
            typer.echo(f"note: {note}")
        typer.echo(f"{done}; overlays, maps and manifests are in {self.out}, the page is {page}")
