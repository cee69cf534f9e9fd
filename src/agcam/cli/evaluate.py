"""`agcam evaluate`: data set, model, methods and metrics in; rows in a store and a table out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from ..errors import AgcamError, LoadError, RunError
from .loading import Loading
from .options import Model, names_in, takes_groups
from .records import print_summary
from .say import say
from .stopping import advise

if TYPE_CHECKING:
    from ..engines import Resources
    from ..evaluation import Plan
    from ..evaluation.run import OnShard
    from ..records import ShardRows


@dataclass(frozen=True)
class Judging:
    """The options that say what is judged, and how exactly."""

    panel: ClassVar = "What is judged"

    methods: Annotated[
        str,
        typer.Option(help="Names between commas, or all; random baselines are always added."),
    ] = "agcam,rollout"
    metrics: Annotated[
        str, typer.Option(help="Metrics or bundles between commas; see `agcam list metrics`.")
    ] = "paper"
    limit: Annotated[int, typer.Option(min=0, help="So many samples, evenly spread; 0: all.")] = 0
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures in one pass and shard.")] = 8
    precision: Annotated[
        str, typer.Option(help="Of perturbed pictures' passes: as-is, bfloat16, float16.")
    ] = "as-is"

    @property
    def arguments(self) -> dict[str, Any]:
        """As `agcam.evaluate` takes them."""
        names = {"methods": names_in(self.methods), "metrics": names_in(self.metrics)}
        return {**asdict(self), **names}


@dataclass(frozen=True)
class Distributing:
    """The options that say where the work is done."""

    panel: ClassVar = "Where the work is done"

    engine: Annotated[str, typer.Option(help="local (processes) or ray.")] = "local"
    address: Annotated[str, typer.Option(help="The Ray cluster; none: this machine.")] = ""
    workers: Annotated[int, typer.Option(min=0, help="0: cores / threads; 1 on a GPU.")] = 0
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
    distributing: Distributing,
    loading: Loading,
) -> None:
    """Judge methods on a data set; a run that was stopped continues where it was."""
    from ..evaluation import evaluate as evaluate_

    advise("nothing was stored yet; start the same command again")
    if loading.trust_remote_code:
        raise LoadError(
            "evaluate loads the model by its name in every worker, and never runs a model's own "
            "code there: load it in Python and call agcam.evaluate."
        )
    say("loading, and trying every method on one picture ...", err=True)
    advance: list[OnShard] = []

    def announce(made: Plan, resources: Resources) -> None:
        _announce(made, resources.workers)
        advance.append(bar.enter_context(_progress(made, store)))

    def on_shard(rows: ShardRows) -> None:
        advance[0](rows)

    with ExitStack() as bar:
        evaluation = evaluate_(
            dataset,
            root,
            model=model,
            store=store,
            device=loading.device,
            on_plan=announce,
            on_shard=on_shard,
            **judging.arguments,
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
    time = _duration(made.seconds / workers)
    say(
        f"{made.forwards:,} forward passes of {made.forward_seconds * 1000:.0f} ms, and "
        f"{made.own_seconds:.2f} s a picture for the methods' own: about {time} with {workers} "
        f"worker{'s' * (workers > 1)}; run {made.key[:12]}"
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


@contextmanager
def _progress(made: Plan, path: Path) -> Iterator[OnShard]:
    """A bar of shards with the throughput; what is stored already counts as done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..records import Store

    with Store(path) as store:
        done = len(store.begin(made.key, made.stored, made.setup.shards))
    if done:
        say(f"{done} of {made.setup.shards} shards are in {path} already; continuing")
    columns = (
        TextColumn("evaluating"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} shards, {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    total = made.setup.shards
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=total, completed=done, rate="")
        forwards = 0
        advise(_going_on(done, total, path))

        def advance(rows: ShardRows) -> None:
            nonlocal forwards, done
            forwards, done = forwards + rows.forwards, done + 1
            advise(_going_on(done, total, path))
            elapsed = bar.tasks[0].elapsed or 0.0
            rate = f"{forwards / elapsed:.1f} passes a second" if elapsed else ""
            bar.update(task, advance=1, rate=rate)

        try:
            yield advance
        finally:  # a signal may have come after a shard was stored and before it was counted
            advise(_going_on(max(done, _stored(path, made.key)), total, path))


def _stored(path: Path, key: str) -> int:
    """How many shards of a run are in a store; 0 if it can no longer be read."""
    from ..records import Store

    with suppress(AgcamError), Store(path, create=False) as store:
        return store.run(key).done
    return 0


def _going_on(done: int, total: int, path: Path) -> str:
    return f"{done} of {total} shards are in {path}; the same command continues from there"
