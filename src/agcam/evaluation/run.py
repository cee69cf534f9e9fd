"""A run: planned, then shard by shard from an engine into the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from ..engines import ENGINES, Engine, Resources
from ..errors import LoadError, RunError
from ..families import class_names, load
from ..metrics import choose
from ..records import Run, ShardRows, Store
from ..registry import names_of
from ..values import Changes, Classifier, DataSet, whole
from .configuration import AS_THE_MODEL_HAS_IT, Configuration, torch_threads
from .evaluator import Evaluator, start_evaluator
from .outcome import Evaluation
from .planning import Plan, plan
from .stamps import changed

OnPlan = Callable[[Plan, Resources], None]
OnShard = Callable[[ShardRows], None]


def evaluate(
    dataset: str | DataSet,
    root: str | Path = "",
    *,
    model: object = "demo",
    methods: str | Sequence[str] = ("agcam", "rollout"),
    metrics: str | Sequence[str] = ("paper",),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    store: str | Path = "agcam.sqlite",
    limit: int = 0,
    batch_size: int = 8,
    precision: str = "as-is",
    refine: bool = False,
    views: int = 1,
    arch: str | None = None,
    classes: Any = None,
    preparation: Any = None,
    scores: str | None = None,
    device: str | None = None,
    engine: str = "local",
    address: str = "",
    workers: int = 0,
    threads: int = 1,
    on_plan: OnPlan | None = None,
    on_shard: OnShard | None = None,
) -> Evaluation:
    """Judge methods on a data set; a run that was stopped continues where it was.

    Pictures whose files or annotations were written to since they were judged are judged again.

    Args:
        dataset: A name of `agcam.DATASETS`, or a data set that one of them has read.
        root: Its folder, file or fsspec address.
        model: A name, or a module or classifier as `agcam.load` takes and gives them. A run of a
            model or data set without a name stays in this process.
        methods: Names of `agcam.METHODS` (a list, or between commas), or "all"; the random
            baselines come by themselves.
        metrics: Names of `agcam.METRICS`, or of bundles of them, likewise.
        options: For each method the options that differ from their defaults, as in `explain`:
            {"rise": {"masks": 4000}}.
        store: The SQLite file that keeps every number.
        limit: So many samples, spread evenly over the data set; 0: all.
        batch_size: Pictures in one pass, and in one shard.
        precision: Of the passes of perturbed pictures: "as-is", "bfloat16" or "float16".
        refine: As in `explain`, for metrics on pixels; metrics of patches read raw maps.
        views: As in `explain`.
        arch: What a file of weights is for, as in `agcam.load`.
        classes: The model's class names, as in `agcam.load`.
        preparation: How pictures are prepared, as in `agcam.load`.
        scores: How logits become probabilities, as in `agcam.load`.
        device: Where a model that is loaded by its name runs; a loaded one stays where it is.
        engine: "local" (processes of this machine) or "ray".
        address: The Ray cluster; empty: this machine.
        workers: How many; 0: one for every `threads` cores, or one on a GPU.
        threads: Threads of each worker.
        on_plan: Called with the plan and the workers before the run starts.
        on_shard: Called with the rows of each shard after they are stored.

    Raises:
        AgcamError: One that names the fix; nothing that was stored is lost.
    """
    methods, metrics = names_of(methods), names_of(metrics)
    _ = ENGINES[engine], choose(metrics)  # refused before the model is loaded
    if Path(store).exists():
        Store(store).close()
    classifier, stated = loaded_unless_named(model, device, arch, classes, preparation, scores)
    configuration = Configuration(
        dataset=dataset if isinstance(dataset, str) else dataset.name,
        root=str(root),
        methods=methods,
        metrics=metrics,
        options={name: dict(one) for name, one in (options or {}).items()},
        **stated,
        limit=limit,
        batch_size=batch_size,
        precision=precision,
        refine=refine,
        views=views,
        threads=threads,
    )
    made = plan(configuration, classifier, None if isinstance(dataset, str) else dataset)
    made = replace(made, changed=_remove_changed(made, store))
    resources = resources_for(made.setup, workers, threads, address)
    if on_plan is not None:
        on_plan(made, resources)
    run = run_plan(made, store, engine, resources, on_shard or (lambda rows: None))
    return Evaluation(Path(store), run)


def loaded_unless_named(
    model: object, device: str | None, arch: str | None, classes: Any, preparation: Any, scores: Any
) -> tuple[Classifier | None, dict[str, Any]]:
    """The model where other processes cannot load it by its name, None where they can.

    And what a configuration states of it.
    """
    classifier = None
    if not (isinstance(model, str) and isinstance(preparation, Changes | None)):
        if device is not None:
            raise LoadError(
                "a loaded model stays where it is: move it yourself, or leave device out."
            )
        classifier = load(model, arch=arch, classes=classes, preparation=preparation, scores=scores)
    return classifier, {
        "model": str(model) if classifier is None else classifier.name,
        "arch": arch,
        "class_names": () if classes is None else tuple(class_names(classes)),
        "preparation": preparation if isinstance(preparation, Changes) else AS_THE_MODEL_HAS_IT,
        "scores": scores or "",
        "device": device or "cpu",
    }


class Placed(Protocol):
    """What workers work on, as far as their number depends on it."""

    @property
    def classifier(self) -> Classifier:
        """The model."""

    @property
    def portable(self) -> bool:
        """Whether another process can make all of it."""


def resources_for(setup: Placed, workers: object, threads: object, address: str) -> Resources:
    """The workers; one where there is a GPU, which several would only share.

    No workers are as many as there are cores, no threads as many as torch takes. Raises RunError.
    """
    given = {"workers": whole(workers), "threads": whole(threads)}
    for (name, count), value in zip(given.items(), (workers, threads), strict=True):
        if count is None or count < 0:
            raise RunError(f"{name} is a whole number, 0 for the usual, not {value!r}")
    device, cores = setup.classifier.device, os.cpu_count() or 1
    several, each = device == "cpu" and setup.portable, given["threads"] or 0
    usual = max(1, cores // (each or cores)) if several else 1
    gpus = float(device == "cuda")
    return Resources(given["workers"] or usual, each, gpus=gpus, address=address)


def _remove_changed(made: Plan, path: str | Path) -> int:
    """Remove what is stored of pictures or annotations that changed since; how many shards."""
    if not Path(path).exists():
        return 0
    with Store(path) as store, locked(path, made.key):
        if made.key not in {run.key for run in store.runs()}:
            return 0
        shards = changed(made.setup, store.stamps(made.key))
        if shards:
            store.remove(made.key, shards, made.setup.configuration.batch_size)
        return len(shards)


def run_plan(
    made: Plan,
    path: str | Path,
    engine: str = "local",
    resources: Resources | None = None,
    on_shard: OnShard = lambda rows: None,
) -> Run:
    """Run what is left of a plan into the store at `path`; call `on_shard` after each shard.

    Only this process writes. A second run of the same configuration at the same time is refused;
    other runs may write to the same store. Raises AgcamError.
    """
    chosen = ENGINES[engine](resources or Resources())
    setup = made.setup
    threads = torch_threads(setup.configuration.threads) if chosen.in_process else nullcontext()
    with Store(path) as store, locked(path, made.key):
        done = store.begin(made.key, made.stored, setup.shards)
        left = [shard for shard in range(setup.shards) if shard not in done]
        with threads, closing(chosen.run(_start(made, chosen), left)) as finished:
            for shard, rows in finished:
                store.append(made.key, shard, rows)
                on_shard(rows)
        store.finish(made.key)
        return store.run(made.key)


def _start(made: Plan, engine: Engine) -> Callable[[], Callable[[int], ShardRows]]:
    """What makes a worker's function, where the worker is."""
    if engine.in_process:
        return partial(Evaluator, made.setup)
    if not made.setup.portable:
        raise RunError(
            "a model or data set without a name cannot be sent to other processes: use one worker"
        )
    return partial(start_evaluator, made.setup.configuration, made.key)


@contextmanager
def locked(path: str | Path, key: str, instead: str = "change the configuration") -> Iterator[None]:
    """Hold the lock of a run, which the system releases when the process ends, however it ends.

    The empty file stays: were it removed, one process could lock the removed file and another a
    new one. RunError if another process holds it: wait, or what to do `instead`.
    """
    lock = FileLock(f"{path}.{key[:12]}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunError(
            f"another process is already running {key[:12]} in {path}; wait for it, or {instead}"
        ) from None
    except OSError as error:
        raise RunError(f"{path} cannot be locked: {error}") from error
    try:
        yield
    finally:
        lock.release()
