"""`agcam evaluate`: data set, model, methods and metrics in; rows in a store and a table out."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from ..errors import AgcamError, LoadError, RunError
from ..registry import names_of
from .loading import Loading
from .options import (
    MethodsOptions,
    Model,
    Sharpening,
    options_by_method,
    takes_groups,
)
from .progress import bars, duration
from .records import print_summary
from .say import say
from .stopping import advise

if TYPE_CHECKING:
    from ..engines import Resources
    from ..evaluation import Plan
    from ..records import ShardRows


@dataclass(frozen=True)
class Judging:
    """The options that say what is judged, and how exactly."""

    panel: ClassVar = "What is judged"

    methods: Annotated[
        str,
        typer.Option(help="Names between commas, or all; random baselines are added."),
    ] = "agcam,rollout"
    metrics: Annotated[
        str, typer.Option(help="Metrics or bundles between commas; see `agcam list metrics`.")
    ] = "paper"
    options: MethodsOptions = None
    limit: Annotated[
        int, typer.Option(min=0, help="Number of samples, evenly spread; 0 for all.")
    ] = 0
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures in one pass and shard.")] = 8
    precision: Annotated[
        str, typer.Option(help="Precision of perturbed pictures: as-is, bfloat16, float16.")
    ] = "as-is"

    @property
    def arguments(self) -> dict[str, Any]:
        """As `agcam.evaluate` takes them."""
        names = {"methods": names_of(self.methods), "metrics": names_of(self.metrics)}
        return {**asdict(self), **names, "options": options_by_method(self.options or ())}


@dataclass(frozen=True)
class Distributing:
    """The options that say where the work is done."""

    panel: ClassVar = "Where the work is done"

    engine: Annotated[str, typer.Option(help="local (processes) or ray.")] = "local"
    address: Annotated[
        str, typer.Option(help="Address of the Ray cluster; without it, this machine.")
    ] = ""
    workers: Annotated[
        int, typer.Option(min=0, help="Processes; 0 for cores / threads, or 1 on a GPU.")
    ] = 0
    threads: Annotated[int, typer.Option(min=1, help="Threads of each worker.")] = 1


@takes_groups
def evaluate(
    dataset: Annotated[str, typer.Argument(help="See `agcam list datasets`.")],
    root: Annotated[str, typer.Argument(help="Its folder, file or fsspec address.")],
    model: Model = "demo",
    store: Annotated[Path, typer.Option(help="The SQLite file that keeps every number.")] = Path(
        "agcam.sqlite"
    ),
    *,
    judging: Judging,
    sharpening: Sharpening,
    distributing: Distributing,
    loading: Loading,
) -> None:
    """Evaluate methods on a data set; a stopped run continues."""
    from ..evaluation import evaluate as evaluate_

    advise("nothing was stored yet; run the same command to start over")
    if loading.trust_remote_code:
        raise LoadError(
            "evaluate loads the model by its name in every worker, and never runs a model's own "
            "code there: load it in Python and call agcam.evaluate."
        )
    say("loading, and trying every method on one picture ...", err=True)
    with _Progress(store) as progress:
        evaluation = evaluate_(
            dataset,
            root,
            model=model,
            store=store,
            device=loading.device,
            on_plan=progress.start,
            on_shard=progress.advance,
            **judging.arguments,
            **vars(sharpening),
            **asdict(distributing),
            **loading.arguments,
        )
    print_summary(store, evaluation.results, evaluation.summary())
    if not evaluation.run.samples:
        key = evaluation.run.key[:12]
        raise RunError(f"no sample could be judged; the reasons: agcam report {store} {key}")


def _announce(made: Plan, workers: int) -> None:
    """What will be run and what it takes, before it starts."""
    from ..values import preparation_notes, preparation_text

    setup = made.setup
    names = ", ".join(method.name for method in setup.methods)
    say(f"{setup.classifier.name} on {len(setup.dataset.samples)} samples: {names}")
    say(f"preparation: {preparation_text(setup.classifier.preparation)}")
    for note in (*setup.classifier.notes, *preparation_notes(setup.classifier.preparation)):
        say(f"note: {note}")
    for line in made.match_report.split("\n"):
        say(line)
    for name, reason in made.refused.items():
        say(f"skipped: {name}: {reason}")
    if made.changed:
        say(f"shards judged again, as pictures or annotations in them changed: {made.changed}")
    seconds = duration(made.seconds / workers)
    say(
        f"{made.forwards:,} forward passes of {made.forward_seconds * 1000:.0f} ms, and "
        f"{made.own_seconds:.2f} s per picture for the methods' own: about {seconds} "
        f"with {workers} worker{'s' * (workers > 1)}; run {made.key[:12]}"
    )


class _Progress(ExitStack):
    """A bar of pictures with the throughput; what is stored already counts as done."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path, self._done, self._shards, self._forwards = path, 0, 0, 0

    def start(self, made: Plan, resources: Resources) -> None:
        """Print what will be done, and show the bar."""
        from ..records import Store

        _announce(made, resources.workers)
        self._shards, self._pictures = made.setup.shards, len(made.setup.dataset.samples)
        self._size = made.setup.configuration.batch_size
        with Store(self._path) as store:
            self._done = len(store.begin(made.key, made.stored, self._shards))
        if self._done:
            say(f"{self._done} of {self._shards} shards are in {self._path} already; continuing")
        # a signal may come after a shard was stored and before it was counted
        self.callback(lambda: self._advise(max(self._done, _stored(self._path, made.key))))
        self._bar = self.enter_context(bars())("evaluating", before=self._judged)
        self._started = time.monotonic()
        self._bar(self._judged, self._pictures)
        self._advise(self._done)

    @property
    def _judged(self) -> int:
        """Pictures in the shards that are stored."""
        return min(self._done * self._size, self._pictures)

    def advance(self, rows: ShardRows) -> None:
        """Count a shard that was stored."""
        self._forwards, self._done = self._forwards + rows.forwards, self._done + 1
        self._advise(self._done)
        rate = self._forwards / max(time.monotonic() - self._started, 1e-9)
        self._bar(self._judged, self._pictures, f"{rate:.1f} passes per second")

    def _advise(self, done: int) -> None:
        advise(
            f"{done} of {self._shards} shards are in {self._path}; the same command continues from "
            "there"
        )


def _stored(path: Path, key: str) -> int:
    """How many shards of a run are in a store; 0 if it can no longer be read."""
    from ..records import Store

    with suppress(AgcamError), Store(path, create=False) as store:
        return store.run(key).done
    return 0
