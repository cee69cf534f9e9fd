"""Options that several commands share, each declared once, in groups that a command takes whole."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, get_type_hints

import typer

from ..errors import MethodError, SaveError, TargetError
from ..registry import names_of

if TYPE_CHECKING:
    from ..explanation import FileStyle
    from ..values import Classifier, Method

Model = Annotated[
    str,
    typer.Option(
        help="timm:NAME, hf:NAME, torchvision:NAME, open_clip:NAME/PRETRAINED, demo, or a "
        "file of weights with --arch."
    ),
]
MethodOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        help="NAME=VALUE of the method, as in masks=4000 (of several methods: rise.masks=4000); "
        "may be repeated.",
    ),
]
MethodsOptions = Annotated[
    list[str] | None,
    typer.Option("--option", help="METHOD.NAME=VALUE, as in rise.masks=4000; may be repeated."),
]
BatchSize = Annotated[int, typer.Option(min=1, help="Most pictures in one pass.")]


@dataclass(frozen=True)
class Targeting:
    """The options that say what is explained of each picture."""

    panel: ClassVar = "What is explained"

    target: Annotated[
        list[str] | None,
        typer.Option(
            help='Class number, class name, "not NAME" or text prompt; may be given several times.'
        ),
    ] = None
    against: Annotated[
        str | None,
        typer.Option(help="Explain what speaks for each target rather than for this class."),
    ] = None
    top: Annotated[int | None, typer.Option(min=1, help="Explain the K most probable classes.")] = (
        None
    )

    def __post_init__(self) -> None:
        if self.target and self.top:
            raise TargetError("give --target or --top, not both.")
        if self.against is not None and not self.target:
            raise TargetError("--against is for a --target: name the class to explain, too.")

    def of(self, classifier: Classifier, pictures: int) -> Any:
        """The target of so many pictures; a class name that is a number is a name."""
        from ..targets import Against, Top

        named = set(classifier.class_names)

        def item(text: str) -> int | str:
            return int(text) if text.isdecimal() and text not in named else text

        if not self.target:
            return Top(self.top) if self.top else None
        items = [item(text) for text in self.target]
        if self.against is None:
            return [items] * pictures
        return [[Against(one, item(self.against)) for one in items]] * pictures


@dataclass(frozen=True)
class Drawing:
    """The options that say how maps are drawn."""

    panel: ClassVar = "How maps are drawn"

    alpha: Annotated[
        float, typer.Option(min=0, max=1, help="Weight of the map in the overlay.")
    ] = 0.5
    colormap: Annotated[str, typer.Option(help="Any of matplotlib's colour maps.")] = "turbo"

    def check(self) -> None:
        """Report a wrong name before a model is loaded."""
        from ..maps import colour_table

        colour_table(self.colormap)


@dataclass(frozen=True)
class SavedDrawing(Drawing):
    """The options that say how maps are drawn and kept as files."""

    kind: Annotated[
        str, typer.Option("--format", help="Format of overlays and maps: png, jpg or webp.")
    ] = "png"
    video: Annotated[str, typer.Option(help="Format of the video of a clip: gif or mp4.")] = "gif"
    side: Annotated[
        int,
        typer.Option(
            min=0, help="Most pixels of a longer side of what is written; 0 for the picture's own."
        ),
    ] = 1600

    def check(self) -> None:
        """Report a wrong name before a model is loaded."""
        super().check()
        _ = self.style

    @property
    def style(self) -> FileStyle:
        """The same for an explanation's files."""
        from ..explanation import FileStyle

        return FileStyle(**vars(self))


@dataclass(frozen=True)
class Sharpening:
    """The options that make maps finer than patches."""

    panel: ClassVar = "Sharper maps"

    refine: Annotated[
        bool, typer.Option("--refine", help="Lay maps on the picture's own edges.")
    ] = False
    views: Annotated[
        int,
        typer.Option(
            help="Views of each picture whose maps are averaged: 2, 4 or 9 shifted by parts of a "
            "patch, 5 whole and cropped, 8 both; the model runs on all of them."
        ),
    ] = 1

    def __post_init__(self) -> None:
        from ..explainer import checked_switches

        checked_switches(self.refine, self.views)


def takes_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of each group in the place of the parameter that takes it.

    A group is a dataclass whose fields are options; `panel` is their heading in the help.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name not in groups:
            parameters.append(_option(name, hints[name], parameter.default))
            continue
        annotations = get_type_hints(groups[name], include_extras=True)
        for field in fields(groups[name]):
            annotations[field.name].__metadata__[0].rich_help_panel = groups[name].panel
        parameters += [
            _option(field.name, annotations[field.name], field.default)
            for field in fields(groups[name])
        ]

    @functools.wraps(command)
    def run(**given: Any) -> None:
        made = {
            name: group(**{field.name: given.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**given, **made)

    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _option(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, keyword, default=default, annotation=annotation)


def options_in(method: Method, texts: Sequence[str]) -> dict[str, Any]:
    """The options of a method in texts such as "masks=4000". Raises MethodError, UnknownNameError.

    A wrong name or a value out of range is reported here, before a model is loaded.
    """
    known, found = {option.name: option for option in method.options}, dict[str, Any]()
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise MethodError(f"--option takes NAME=VALUE, as in masks=4000, not {text!r}.")
        found[name] = known[name].parse(value) if name in known else value
    method.with_options(found)
    return found


def options_by_method(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Options of several methods in texts such as "rise.masks=4000", as `options_in` reads them."""
    from ..methods import METHODS

    texts_of: dict[str, list[str]] = {}
    for text in texts:
        method, dot, rest = text.partition(".")
        if not dot or "=" in method:
            raise MethodError(f"--option takes METHOD.NAME=VALUE, rise.masks=4000, not {text!r}.")
        texts_of.setdefault(method, []).append(rest)
    return {method: options_in(METHODS[method], some) for method, some in texts_of.items()}


def methods_in(
    text: str | None, options: Sequence[str]
) -> tuple[str | tuple[str, ...] | None, dict[str, Any]]:
    """Methods and their options as `explain` takes them: one, or several with options by method.

    Raises MethodError and UnknownNameError before a model is loaded.
    """
    from ..methods import METHODS, USUAL, named

    names = tuple(row.name for row in USUAL) if text is None else names_of(text)
    if len(names) == 1:
        return names[0], options_in(METHODS[names[0]], options)
    if text is None and not all("." in option.partition("=")[0] for option in options):
        options_in(METHODS[names[0]], options)  # refused: it has none
    chosen = options_by_method(options)
    named(names, chosen)
    return None if text is None else names, chosen


def make_folder(out: Path) -> None:
    """Make the folder for what is written; SaveError if that fails."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SaveError(f"cannot make the folder {out}: {error.strerror}.") from error
