"""`agcam compare`: one picture, several methods; a sheet, and what each costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import PictureError
from ..registry import names_of
from .loading import Loading
from .options import (
    BatchSize,
    Drawing,
    MethodsOptions,
    Model,
    Sharpening,
    Targeting,
    make_folder,
    options_by_method,
    takes_groups,
)
from .paths import check_existing
from .progress import bars
from .say import say

if TYPE_CHECKING:
    from ..comparison import Comparison

USUAL: Final = "agcam,rollout,raw_attention,grad_cam,gae,attcat,legrad,random"


@takes_groups
def compare(
    picture: Annotated[
        str,
        typer.Argument(
            help="A picture; a video or a sound for a model of them.", metavar="PICTURE"
        ),
    ],
    methods: Annotated[
        str, typer.Option(help="Names between commas, or all; see `agcam list methods`.")
    ] = USUAL,
    options: MethodsOptions = None,
    model: Model = "demo",
    *,
    targeting: Targeting,
    out: Annotated[Path, typer.Option(help="Folder for the sheet.")] = Path("compared"),
    sharpening: Sharpening,
    drawing: Drawing,
    batch_size: BatchSize = 8,
    loading: Loading,
) -> None:
    """Explain one picture by several methods, side by side, with the time and memory of each."""
    from ..comparison import compare as compare_
    from ..images import find_inputs
    from ..methods import choose

    names, chosen = names_of(methods), options_by_method(options or ())
    choose(names, chosen)  # what is wrong is reported before a model is loaded
    drawing.check()
    check_existing([picture])
    make_folder(out)
    classifier = loading.load(model)
    found = find_inputs(classifier, [picture])
    if len(found) != 1:
        kind = f"{classifier.medium.name}s"
        raise PictureError(f"{picture} is {len(found)} {kind}; one is compared at a time.")
    with bars() as bar:
        done = compare_(
            classifier,
            found[0],
            targeting.of(classifier, 1),
            names,
            options=chosen,
            batch_size=batch_size,
            progress=bar("running the model", "passes"),
            **vars(sharpening),
        )
    _show(done, *done.report(out, alpha=drawing.alpha, colormap=drawing.colormap))
    if all(column.refusal for column in done.columns):
        raise typer.Exit(1)


def _show(done: Comparison, png: Path, page: Path) -> None:
    """Print what each method costs, why some refuse, and where the sheet is."""
    from ..values import preparation_text
    from .table import print_table

    header, *rows = done.summary()
    print_table(header, rows, numbers=True)
    for column in done.columns:
        if column.refusal:
            say(f"refused: {column.method.name}: {column.refusal}")
    say(f"the sheet is {png}, the page {page}")
    say(f"preparation: {preparation_text(done.preparation)}")
    for note in done.notes:
        say(f"note: {note}")
