"""How the model is loaded: one set of options for every command that loads one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import typer

from ..errors import LoadError, PictureError

if TYPE_CHECKING:
    from ..values import Changes, Classifier


@dataclass(frozen=True)
class Loading:
    """The options that say how a model is loaded."""

    panel: ClassVar = "How the model is loaded"

    arch: Annotated[
        str | None, typer.Option(help="The architecture of a file of weights: timm:NAME, ...")
    ] = None
    classes: Annotated[
        Path | None,
        typer.Option(
            help="A text file with one class name (or prompt) per line, or id2label as JSON."
        ),
    ] = None
    scores: Annotated[
        Literal["softmax", "sigmoid", "none", "probability"] | None,
        typer.Option(
            metavar="<kind>",
            help="How outputs become probabilities: softmax (one class is right), sigmoid (each "
            "class by itself), none (a regression), probability (they are already); by default as "
            "the model states.",
        ),
    ] = None
    size: Annotated[
        str, typer.Option(help="The model's input in pixels: 224, or height,width.")
    ] = ""
    mean: Annotated[
        str, typer.Option(help="Subtracted from pixels in 0 ... 1: one number, or one per channel.")
    ] = ""
    std: Annotated[
        str, typer.Option(help="Divides the pixels: one number, or one per channel.")
    ] = ""
    fit: Annotated[
        Literal["model", "crop", "squash", "pad"],
        typer.Option(help="Cut out the centre, squash or pad; model: as the model states."),
    ] = "model"
    resize: Annotated[
        str, typer.Option(help="Pixels of the short side before the cut (pad: of the long side).")
    ] = ""
    interpolation: Annotated[
        Literal["model", "nearest", "bilinear", "bicubic", "lanczos"],
        typer.Option(help="The filter that resizes; model: as the model states."),
    ] = "model"
    value_range: Annotated[
        str,
        typer.Option("--range", help="Darkest,brightest value of deep greys, DICOM and bands."),
    ] = ""
    device: Annotated[
        str | None, typer.Option(help="Where the model runs: cpu, cuda, cuda:1, mps.")
    ] = None
    trust_remote_code: Annotated[
        bool,
        typer.Option(
            "--trust-remote-code", help="Run the code that comes with a Hugging Face model."
        ),
    ] = False

    @property
    def changes(self) -> Changes:
        """What is stated of the preparation. Raises PictureError for what is not a number."""
        from ..values import Changes

        return Changes(
            size=_numbers("--size", self.size, int),
            mean=_numbers("--mean", self.mean, float),
            std=_numbers("--std", self.std, float),
            fit="" if self.fit == "model" else self.fit,
            resize=_numbers("--resize", self.resize, int),
            interpolation="" if self.interpolation == "model" else self.interpolation,
            value_range=_numbers("--range", self.value_range, float),
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """As `agcam.load` and `agcam.evaluate` take them, but for `trust_remote_code`."""
        changes = self.changes
        return {
            "arch": self.arch,
            "classes": read_names(self.classes),
            "preparation": changes if changes.stated else None,
            "scores": self.scores,
        }

    def load(self, model: str) -> Classifier:
        """The classifier of that name, on its device, prepared as stated."""
        from ..families import load, on_device

        trust = self.trust_remote_code
        return on_device(load(model, **self.arguments, trust_remote_code=trust), self.device)


def read_names(classes: Path | None) -> list[str] | None:
    """Class names from a text file, one a line, or from a JSON list, id2label or label2id."""
    if classes is None:
        return None
    from ..addresses import open_file
    from ..families import class_names

    try:
        with open_file(str(classes)) as file:
            text = file.read().decode("utf-8-sig")
        if classes.suffix == ".json":
            return list(class_names(json.loads(text)))
    except UnicodeDecodeError as error:
        raise LoadError(
            f"cannot read class names from {classes}: it is not text in UTF-8; save it as that."
        ) from error
    except (OSError, ValueError) as error:
        raise LoadError(f"cannot read class names from {classes}: {error}.") from error
    return [line.strip() for line in text.split("\n") if line.strip()]


def _numbers(option: str, text: str, kind: Callable[[str], Any]) -> tuple[Any, ...]:
    """The numbers of an option, between commas, spaces or an x."""
    try:
        return tuple(map(kind, text.replace(",", " ").replace("x", " ").split()))
    except ValueError:
        whole = "whole numbers" if kind is int else "numbers"
        raise PictureError(f"{option} takes {whole} between commas, not {text!r}") from None
