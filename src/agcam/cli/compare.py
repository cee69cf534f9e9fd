"""`agcam compare`: one picture, several methods; a sheet, and what each costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import PictureError
from .loading import Loading
from .options import BatchSize, Drawing, Model, Targeting, make_folder, names_in, takes_groups
from .progress import bars
from .say import say

if TYPE_CHECKING:
    from ..comparison import Comparison, Cost

USUAL: Final = "agcam,rollout,raw_attention,grad_cam,gae,attcat,legrad,random"
HEADERS: Final = ("method", "seconds", "x forward", "peak MB")


@takes_groups
def compare(
    picture: Annotated[str, typer.Argument(help="A picture.", metavar="PICTURE")],
    methods: Annotated[
        str, typer.Option(help="Names with commas between them, or all; see `agcam list methods`.")
    ] = USUAL,
    model: Model = "demo",
    *,
    targeting: Targeting,
    out: Annotated[Path, typer.Option(help="Folder for the sheet.")] = Path("compared"),
    drawing: Drawing,
    batch_size: BatchSize = 8,
    loading: Loading,
) -> None:
    """Explain one picture by several methods, side by side, with the time and memory of each."""
    from ..comparison import compare as compare_
    from ..images import find_pictures
    from ..methods import METHODS
    from ..values import preparation_text

    names = list(METHODS) if methods == "all" else names_in(methods)
    _ = [METHODS[name] for name in names]  # wrong names are reported before a model is loaded
    drawing.check()
    found = find_pictures([picture])
    if len(found) != 1:
        raise PictureError(f"{picture} is {len(found)} pictures; one is compared at a time.")
    make_folder(out)
    classifier = loading.load(model)
    with bars() as bar:
        done = compare_(
            classifier,
            found[0],
            targeting.of(classifier, 1),
            names,
            batch_size=batch_size,
            progress=bar("running the model"),
        )
    _write(done, out, drawing.alpha, drawing.colormap)
    say(f"preparation: {preparation_text(done.preparation)}")
    for note in done.notes:
        say(f"note: {note}")
    if all(column.refusal for column in done.columns):
        raise typer.Exit(1)


def _write(done: Comparison, out: Path, alpha: float, colormap: str) -> None:
    from ..comparison import comparison_page
    from ..explanation import file_names
    from ..maps import sheet_png, write_atomically
    from ..values import MEANING, preparation_text
    from .table import print_table

    rows = list(_rows(done))
    print_table(HEADERS, rows, numbers=True)
    for column in done.columns:
        if column.refusal:
            say(f"refused: {column.method.name}: {column.refusal}")
    top = ", ".join(f"{one.name} {one.score}" for one in done.top[:3])
    predicted = f"{done.model} predicted {top}. " if top else ""
    if MEANING[done.scores]:
        predicted += f"Note: {MEANING[done.scores]}. "
    footer = (
        f"{predicted}A method's time is what it would take alone: the recorded pass "
        "and the evidence that it shares with others (made once here) and its own work. Peak "
        "memory is above what was held before, weights and all. Preparation: "
        f"{preparation_text(done.preparation)}."
    )
    stem, sheet = file_names([done.source])[0], done.sheet()
    colours = f"{predicted}Colours: {colormap}, from a column's lowest relevance to its"
    png, page = out / f"{stem}.compare.png", out / f"{stem}.compare.html"
    write_atomically(png, sheet_png(sheet, f"{colours} highest.", alpha, colormap))
    html = comparison_page(done, [HEADERS, *rows], footer, alpha, colormap)
    write_atomically(page, html.encode())
    say(f"the sheet is {png}, the page {page}")


def _rows(done: Comparison) -> list[tuple[str, ...]]:
    def row(name: str, cost: Cost) -> tuple[str, ...]:
        memory = "-" if cost.memory is None else f"{cost.memory / 2**20:.0f}"
        share = f"{cost.seconds / done.forward.seconds:.1f}"
        return name, f"{cost.seconds:.2f}", share, memory

    rows = [row("(a plain forward)", done.forward), row("(the recorded pass)", done.recording)]
    for column in done.columns:
        refused = (column.method.name, "refused", "", "")
        rows.append(refused if column.cost is None else row(column.method.name, column.cost))
    return rows
