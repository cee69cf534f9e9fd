"""`agcam list`: what there is to choose from, read from the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..values.options import Option, RulesOption

lists = typer.Typer(help="List methods, models, data sets or metrics.", no_args_is_help=True)


@lists.command()
def methods() -> None:
    """Every method: whether it depends on the class, its needs, models, passes, paper, options."""
    from ..methods import METHODS
    from .table import print_entries

    kinds = {True: "class-specific", False: "class-agnostic"}
    print_entries(
        (
            (row.name, kinds[row.class_specific], str(row.needs)),
            (f"explains {row.explains}", row.passes, row.cite, *map(_option, row.options)),
        )
        for row in METHODS.values()
    )


def _option(option: Option | RulesOption) -> str:
    default = f"={option.default:.4g}" if isinstance(option.default, int | float) else ""
    return f"option {option.name}{default}: {option.about}; {option.range} ({option.unit})"


@lists.command()
def models(
    pattern: Annotated[
        str,
        typer.Argument(help="A part of the name, or with wildcards; without it, explained models."),
    ] = "",
    family: Annotated[str | None, typer.Option(help="timm, torchvision, open_clip, ...")] = None,
    explained: Annotated[
        bool | None,
        typer.Option(
            "--explained/--refused",
            help="Models that methods of attention explain, or that only black-box methods do.",
        ),
    ] = None,
) -> None:
    """Model names that --model takes, as far as the libraries list them offline.

    A note follows names that not every method explains, or of which that is not known.
    """
    from ..families import list_models, way_of
    from ..methods import METHODS

    several = ", ".join(name for name, row in METHODS.items() if row.several_grids)
    notes = {
        "several grids": f"  (several grids: {several}, black-box methods)",
        "black-box": "  (black-box methods)",
        "": "  (not tried)",
    }
    if not pattern and explained is None:
        explained = True
    for name in list_models(pattern or "*", family=family, explained=explained):
        typer.echo(name + notes.get(way_of(name), ""))
    if family in (None, "hf") and not pattern:
        typer.echo("hf:NAME  any image classifier or CLIP-like model of the hub, or a folder")


@lists.command()
def datasets() -> None:
    """Data sets that `agcam evaluate` reads, and the layout that each expects."""
    from ..datasets import DATASETS
    from .table import print_table

    print_table(("data set", "expected files"), [(r.name, r.layout) for r in DATASETS.values()])


@lists.command()
def metrics() -> None:
    """Metrics of `agcam evaluate`, and the bundles that stand for several."""
    from ..metrics import BUNDLES, METRICS
    from .table import print_table

    rows = [(row.name, row.better, row.sentence) for row in METRICS.values()]
    print_table(("metric", "better", "what it measures"), rows)
    print_table(("bundle", "metrics"), [(name, ", ".join(of)) for name, of in BUNDLES.items()])
