"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import LoadError, SaveError, TargetError

if TYPE_CHECKING:
    from ..values import Classifier

Model = Annotated[
    str,
    typer.Option(
        help="timm:NAME, hf:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED, demo, or a "
        "file of weights with --arch."
    ),
]
Arch = Annotated[str | None, typer.Option(help="What a file of weights is for: timm:NAME, ...")]
Classes = Annotated[
    Path | None, typer.Option(help="A text file with one class name (or prompt) a line.")
]
Target = Annotated[
    list[str] | None,
    typer.Option(help="Class number, class name or text prompt; may be given several times."),
]
Top = Annotated[int | None, typer.Option(min=1, help="Ask about the K most probable classes.")]
Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, mps.")]
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


def load_model(
    model: str, arch: str | None, classes: Path | None, device: str | None
) -> Classifier:
    """The classifier that the options name, on its device."""
    from ..families import load

    names = read_names(classes)
    classifier = load(model, arch=arch, classes=names)
    if device is not None:
        try:
            classifier.module.to(device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise LoadError(f"cannot use device {device!r}: {reason}") from error
    return classifier


def read_names(classes: Path | None) -> list[str] | None:
    """Class names from a text file, one a line."""
    if classes is None:
        return None
    try:
        lines = classes.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LoadError(f"cannot read class names from {classes}: {error}.") from error
    return [line.strip() for line in lines if line.strip()]


def asked_of(
    classifier: Classifier, target: list[str] | None, top: int | None, pictures: int
) -> Any:
    """What --target and --top ask of each picture; a name that is a number stays a name."""
    from ..targets import Top as Top_

    if target:
        named = set(classifier.class_names)
        items = [int(t) if t.isdecimal() and t not in named else t for t in target]
        return [items] * pictures
    return Top_(top) if top else None
