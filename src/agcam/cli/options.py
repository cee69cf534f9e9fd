"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SaveError, TargetError

if TYPE_CHECKING:
    from ..values import Classifier

Model = Annotated[
    str,
    typer.Option(
        help="timm:NAME, hf:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED, demo, or a "
        "file of weights with --arch."
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        help='Class number, class name, "not NAME" or text prompt; may be given several times.'
    ),
]
Top = Annotated[int | None, typer.Option(min=1, help="Ask about the K most probable classes.")]
Against = Annotated[
    str | None,
    typer.Option(help="Explain what speaks for each target rather than for this class."),
]
Alpha = Annotated[float, typer.Option(min=0, max=1, help="Weight of the map in the overlay.")]
Colormap = Annotated[str, typer.Option(help="Any of matplotlib's colour maps.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Most pictures in one pass.")]


def refuse_both(target: list[str] | None, top: int | None) -> None:
    """TargetError where the classes are asked for in two ways."""
    if target and top:
        raise TargetError("give --target or --top, not both.")


def names_in(text: str) -> tuple[str, ...]:
    """The names in an option that takes several between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def make_folder(out: Path) -> None:
    """Make the folder for what is written; SaveError where it cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"cannot make the folder {out}: {error.strerror}.") from error


def asked_of(
    classifier: Classifier,
    target: list[str] | None,
    top: int | None,
    pictures: int,
    against: str | None = None,
) -> Any:
    """What --target, --against and --top ask of each picture; a name that is a number is a name."""
    from ..targets import Against as Against_
    from ..targets import Top as Top_

    named = set(classifier.class_names)

    def item(text: str) -> int | str:
        return int(text) if text.isdecimal() and text not in named else text

    if against is not None:
        if not target:
            raise TargetError("--against is for a --target: name the class to explain, too.")
        return [[Against_(item(one), item(against)) for one in target]] * pictures
    if target:
        return [[item(one) for one in target]] * pictures
    return Top_(top) if top else None
