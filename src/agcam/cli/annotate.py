"""`agcam annotate`: a folder of pictures in; masks, boxes and scores for other tools out."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .evaluate import Distributing
from .loading import Loading
from .options import (
    BatchSize,
    MethodOptions,
    Model,
    Sharpening,
    make_folder,
    options_in,
    takes_groups,
)
from .progress import bars, continued
from .say import say
from .stopping import advise

if TYPE_CHECKING:
    from ..annotations import Annotation

SHOWN = 20  # pictures that were skipped


@takes_groups
def annotate(
    folder: Annotated[Path, typer.Argument(help="The pictures.", metavar="FOLDER")],
    model: Model = "demo",
    *,
    to: Annotated[
        str, typer.Option(help="coco, yolo, voc, png, csv, labelme, label-studio or fiftyone.")
    ] = "coco",
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("annotated"),
    labels: Annotated[
        str,
        typer.Option(
            help="Classes of the pictures: folders (of its class folder), predicted, or NAME,NAME."
        ),
    ] = "folders",
    method: Annotated[str, typer.Option(help="See `agcam list methods`.")] = "agcam_spread",
    options: MethodOptions = None,
    threshold: Annotated[
        float | None, typer.Option(help="Another share of a map's range than the rule's.")
    ] = None,
    sharpening: Sharpening,
    batch_size: BatchSize = 8,
    link: Annotated[
        bool, typer.Option("--link", help="Link pictures into --out rather than copy them.")
    ] = False,
    distributing: Distributing,
    loading: Loading,
) -> None:
    """Write masks and boxes of objects, from class labels alone; a stopped run continues."""
    from ..annotations import annotate as run

    chosen = _checked(to, method, options, threshold)
    make_folder(out)
    trusted = loading.load(model) if loading.trust_remote_code else None
    stated = {} if trusted else {**loading.arguments, "device": loading.device}
    advise("what is done is kept; the same command continues")
    with bars() as bar:
        found = run(
            trusted or model,
            folder,
            to,
            out=out,
            labels=labels,
            method=method,
            threshold=threshold,
            batch_size=batch_size,
            link=link,
            progress=continued(bar, "annotating"),
            options=chosen,
            **vars(sharpening),
            **asdict(distributing),
            **stated,
        )
    _report(found, to, out)


def _checked(
    to: str, method: str, options: list[str] | None, threshold: float | None
) -> dict[str, Any]:
    """The method's options; what is wrong is reported before a model is loaded."""
    from ..annotations import FORMATS
    from ..maps import mask_rule
    from ..methods import METHODS

    _ = FORMATS[to], mask_rule(threshold)
    return options_in(METHODS[method], options or ())


def _report(found: Annotation, to: str, out: Path) -> None:
    """Print what was skipped, the rule, and where the files are; exit with 1 if any was skipped."""
    from ..annotations import FAILURES, FORMATS

    for name, why in list(found.failures.items())[:SHOWN]:
        say(f"agcam: skipped: {name}: {why}", err=True)
    if len(found.failures) > SHOWN:
        say(f"agcam: and {len(found.failures) - SHOWN} more, in {out / FAILURES}", err=True)
    before = f" ({found.known} pictures were done before)" if found.known else ""
    say(f"rule: {found.rule['text']}")
    say(
        f"{found.objects} objects in {found.pictures} pictures{before}, {found.empty} without one, "
        f"{len(found.failures)} skipped; {FORMATS[to].about}, and {FORMATS[to].folder}/, are in "
        f"{out}"
    )
    if found.failures:
        raise typer.Exit(1)
