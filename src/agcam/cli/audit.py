"""`agcam audit`: pictures by class in; what each class is recognized by, and what is suspicious."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from ..errors import LoadError, RunError
from .evaluate import Distributing
from .loading import Loading
from .options import BatchSize, MethodOptions, Model, make_folder, options_in, takes_groups
from .progress import Bar, bars, duration
from .say import say
from .stopping import advise
from .table import print_table

if TYPE_CHECKING:
    from ..auditing import Audit, Plan
    from ..engines import Resources

SHOWN = 10  # reasons in the terminal
FAILURES = 5
LIMIT_NOT_KEPT = 3  # the exit status: 1 is an error, 2 a wrong command
GIGABYTE = 10**9


@dataclass(frozen=True)
class Examining:
    """The options that say what is audited, and how."""

    panel: ClassVar = "What is audited"

    layout: Annotated[str, typer.Option(help="Of the data; see `agcam list datasets`.")] = "folder"
    method: Annotated[str, typer.Option(help="See `agcam list methods`.")] = "agcam_evidence"
    against: Annotated[
        str | None,
        typer.Option(help="Another model with the same classes: report what changed."),
    ] = None
    tests: Annotated[
        int,
        typer.Option(min=0, help="How many reasons are tested by changing pictures at most."),
    ] = 3
    verdicts: Annotated[
        Path | None,
        typer.Option(help="Verdicts that the page exported; what is fine is not suspicious."),
    ] = None
    limit: Annotated[
        int, typer.Option(min=0, help="Number of pictures, evenly spread; 0 for all.")
    ] = 0

    def arguments(self, options: list[str] | None) -> dict[str, Any]:
        """As `agcam.audit` takes them; what is wrong is reported before a model is loaded."""
        from ..datasets import DATASETS
        from ..methods import METHODS

        _ = DATASETS[self.layout]
        return {**asdict(self), "options": options_in(METHODS[self.method], options or ())}


@takes_groups
def audit(
    data: Annotated[
        str, typer.Argument(help="Pictures in a folder for each class, or as --layout has them.")
    ],
    model: Model = "demo",
    *,
    out: Annotated[Path, typer.Option(help="Folder for the page and the numbers.")] = Path(
        "audited"
    ),
    examining: Examining,
    options: MethodOptions = None,
    batch_size: BatchSize = 8,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            help="Exit with 3 at suspicious=0.8 or more, failures=1 or more, or below "
            "accuracy=0.7; may be repeated."
        ),
    ] = None,
    distributing: Distributing,
    loading: Loading,
) -> None:
    """Find what each class is recognized by, and what is suspicious; a stopped run continues."""
    from ..auditing import audit as run

    limits = _limits(fail_on or ())
    arguments = examining.arguments(options)
    if loading.trust_remote_code:
        raise LoadError(
            "audit loads the model by its name in every worker, and never runs a model's own code "
            "there: load it in Python and call agcam.audit."
        )
    make_folder(out)
    advise("what was scanned is kept; the same command continues")
    say("loading, and measuring what a picture takes ...", err=True)
    with bars() as bar:
        made = run(
            data,
            model,
            out=out,
            on_plan=_announce,
            progress=_progress(bar),
            batch_size=batch_size,
            device=loading.device,
            **arguments,
            **asdict(distributing),
            **loading.arguments,
        )
    _report(made)
    failed = made.fails(limits)
    for sentence in failed:
        say(f"agcam: {sentence}", err=True)
    if failed:
        raise typer.Exit(LIMIT_NOT_KEPT)


def _limits(texts: list[str] | tuple[()]) -> dict[str, float]:
    """The limits in texts such as suspicious=0.8."""
    from ..auditing import check_limits

    found = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise RunError(f"--fail-on takes a limit as in suspicious=0.8, not {text!r}") from None
    check_limits(found)
    return found


def _announce(made: Plan, resources: Resources, done: int) -> None:
    """What will be run and what it takes, before it starts."""
    from ..values import preparation_notes, preparation_text

    setup, workers = made.setup, resources.workers
    say(f"{setup.classifier.name} on {made.pictures} pictures: {setup.methods[0].name}")
    say(f"preparation: {preparation_text(setup.classifier.preparation)}")
    for note in (*setup.classifier.notes, *preparation_notes(setup.classifier.preparation)):
        say(f"note: {note}")
    for line in made.match_report.split("\n"):
        say(line)
    if done:
        say(f"{done} of {setup.shards} shards were scanned before; continuing")
    left = made.total_seconds(workers, 1 - done / setup.shards)
    if made.disk >= GIGABYTE:
        say(f"the scan is kept, in {made.disk / GIGABYTE:.0f} GB at most")
    say(
        f"a picture takes {made.forwards:.2f} forward passes of {made.forward_seconds * 1000:.0f} "
        f"ms, interventions at most {made.tests:,} more: about {duration(left)} with {workers} "
        f"worker{'s' * (workers > 1)}"
    )


def _progress(bar: Callable[..., Bar]) -> Callable[[str, int, int], None]:
    """One bar for each stage, which begins where it was left."""
    shown: dict[str, Bar] = {}

    def report(what: str, done: int, total: int) -> None:
        if what not in shown:
            unit = "pictures" if what == "scanning" else "reasons"
            shown[what] = bar(what, unit, before=done)
        shown[what](done, total)

    return report


def _report(made: Audit) -> None:
    """The most suspicious reasons, what failed, and where the page is."""
    found = made.found
    rows = [
        [found.name(one.target), f"{found.score(one):.2f}", f"{100 * one.share:.0f} %", sentence]
        for one in found.ranked[:SHOWN]
        for sentence in [found.suspicion[one.target, one.number].sentence]
    ]
    print_table(("class", "suspicious", "of its relevance", "why"), rows)
    for failure in found.failures[:FAILURES]:
        say(f"agcam: skipped: {failure.name}: {failure.metric}: {failure.message}", err=True)
    if len(found.failures) > FAILURES:
        say(f"agcam: and {len(found.failures) - FAILURES} more", err=True)
    for doubt in found.doubts:
        say(f"note: {doubt}")
    accuracy, right = found.accuracy(), ""
    if accuracy.number:
        right = (
            f", {100 * accuracy.mean:.1f} % predicted correctly "
            f"({100 * accuracy.low:.1f} to {100 * accuracy.high:.1f})"
        )
    failed = len(found.failures)
    say(f"{len(found.pictures)} pictures{right}, {failed} failure{'' if failed == 1 else 's'}")
    say(f"the page is {made.page}; {made.out / 'summary.json'} has the numbers")
