"""An audit: planned, scanned shard by shard by an engine, and what is found written to a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from ..datasets import DATASETS
from ..engines import ENGINES, Engine, Resources
from ..errors import DataSetError, RunError
from ..evaluation import Configuration, Setup, load_setup
from ..evaluation.configuration import torch_threads
from ..evaluation.run import loaded_unless_named, locked, resources_for
from ..evaluation.setup import key_of
from ..evaluation.stamps import stamp
from ..values import DataSet
from .against import compare
from .findings import Findings, find
from .interventions import passes, prove
from .price import Plan, plan
from .reasons import METHOD
from .result import Audit
from .scan import Scanned, Scanner, start_scanner
from .shards import Shards
from .verdicts import read_verdicts

OnPlan = Callable[[Plan, Resources, int], None]
Progress = Callable[[str, int, int], None]
SCANS: Final = "scans"


def audit(
    data: str | Path | DataSet,
    model: object = "demo",
    *,
    layout: str = "folder",
    out: str | Path = Path("audited"),
    method: str = METHOD,
    against: object = None,
    tests: int = 3,
    verdicts: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    limit: int = 0,
    batch_size: int = 8,
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
    progress: Progress | None = None,
) -> Audit:
    """Find out what each class of a data set is recognized by, and what of it is suspicious.

    One recorded pass per picture gives prediction, maps and patches. The same call goes on where a
    stopped one was; pictures whose files were written to since are scanned again.

    Args:
        data: The pictures: a folder with a folder for each class, or what `layout` reads, or a data
            set that one of `agcam.DATASETS` has read.
        model: As in `explain`.
        layout: A name of `agcam.DATASETS`. Where it has boxes or masks they are used.
        out: The folder for the page, the numbers, and the scan.
        method: Whose maps show what speaks for a class.
        against: Another model with the same classes, such as an older checkpoint: what changed is
            reported. It is loaded as `model` is.
        tests: How many reasons are tested by changing pictures at most, the most suspicious first.
        verdicts: A file that the page exported; what is fine in it is no longer suspicious.
        options: As in `explain`.
        limit: So many pictures, spread evenly over the data set; 0: all.
        batch_size: Pictures in one pass, and in one file of the scan.
        arch: As in `agcam.load`.
        classes: As in `agcam.load`.
        preparation: As in `agcam.load`.
        scores: As in `agcam.load`.
        device: Where a model that is loaded by its name runs; a loaded one stays where it is.
        engine: As in `evaluate`.
        address: As in `evaluate`.
        workers: As in `evaluate`.
        threads: As in `evaluate`.
        on_plan: Called with the plan, the workers, and how many pictures were scanned before, once
            before the scan starts.
        progress: Called as `progress(what, done, total)`.

    Raises:
        AgcamError: One that names the fix; what was scanned is kept.
    """
    _ = ENGINES[engine]  # refused before the model is loaded
    if not isinstance(data, str | Path | DataSet):
        raise RunError(
            f"data is a folder of pictures or a data set, not a {type(data).__name__}; the model "
            "comes behind it: agcam.audit('pictures', model)."
        )
    if tests < 0:
        raise RunError(f"tests is a number of reasons, 0 for none, not {tests}")
    _refuse_inside(data, Path(out))
    read = () if verdicts is None else read_verdicts(verdicts)
    loading = _Loading(arch, classes, preparation, scores, device)
    shape = {"limit": limit, "batch_size": batch_size, "threads": threads}
    setups = [
        loading.setup(one, data, layout, method, options, shape)
        for one in (model, *(() if against is None else (against,)))
    ]
    report = progress or (lambda what, done, total: None)
    scans, found, keys = Path(out) / SCANS, list[Findings](), list[str]()
    with _only_one(scans):
        for setup in setups:
            made = plan(setup, passes(tests, setup.known))
            keys.append(made.key[:12])
            stamps = tuple(stamp(setup, shard) for shard in range(setup.shards))
            shards = Shards(scans / keys[-1], stamps)
            resources = resources_for(setup, workers, threads, address)
            if on_plan is not None:
                on_plan(made, resources, len(shards.done()))
            one = _found(made, shards, ENGINES[engine](resources), report).with_verdicts(read)
            proved = prove(one, tests, shards.tests, partial(report, "testing"))
            found.append(one.with_tests(proved))
        changes = compare(*found) if len(found) > 1 else None
        return Audit(Path(out), found[0], keys[0], changes).written()


def _refuse_inside(data: str | Path | DataSet, out: Path) -> None:
    """RunError where the page's pictures would be among those that the next audit reads."""
    if isinstance(data, DataSet) or not Path(data).is_dir():
        return
    if out.resolve().is_relative_to(Path(data).resolve()):
        raise RunError(
            f"{out} lies in {data}: the next audit would take the pictures of this one's page for "
            "data; give a folder beside it: out (--out)"
        )


@contextmanager
def _only_one(scans: Path) -> Iterator[None]:
    """One audit at a time writes to a folder. RunError if another process does."""
    try:
        scans.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"{scans} cannot be made: {error.strerror or error}") from error
    with locked(scans / "lock", "audit", instead="give another folder: out (--out)"):
        yield


@dataclass(frozen=True)
class _Loading:
    """How models are loaded: as `agcam.load` takes it."""

    arch: str | None
    classes: Any
    preparation: Any
    scores: str | None
    device: str | None

    def setup(
        self,
        model: object,
        data: str | Path | DataSet,
        layout: str,
        method: str,
        options: Mapping[str, Any] | None,
        shape: Mapping[str, Any],
    ) -> Setup:
        """The model and the data, loaded."""
        classifier, stated = loaded_unless_named(
            model, self.device, self.arch, self.classes, self.preparation, self.scores
        )
        given = data if isinstance(data, DataSet) else None
        configuration = Configuration(
            dataset=layout if given is None else given.name,
            root=str(data) if given is None else "",
            methods=(method,),
            metrics=(),
            options={method: dict(options)} if options else {},
            **stated,
            **shape,
        )
        try:
            return load_setup(configuration, classifier, given)
        except DataSetError as error:
            if layout != "folder" or not _holds_pictures(str(data)):
                raise
            raise DataSetError(
                f'{error} Pictures without classes are audited by prediction: layout="unlabelled" '
                "(--layout unlabelled)."
            ) from error


def _holds_pictures(root: str) -> bool:
    """Whether pictures lie somewhere in a folder."""
    try:
        return bool(DATASETS["unlabelled"].read(root).samples)
    except DataSetError:
        return False


def _found(made: Plan, shards: Shards, engine: Engine, progress: Progress) -> Findings:
    """Scan what is left of a data set, and find."""
    scan(made, shards, engine, partial(progress, "scanning"))
    pictures, patches, failures = shards.columns()
    progress("finding reasons", 0, 1)
    return find(made.setup, pictures, patches, failures)


def scan(made: Plan, shards: Shards, engine: Engine, progress: Callable[[int, int], None]) -> None:
    """Scan the shards that are not there yet; only this process writes. Raises AgcamError."""
    done = shards.done()
    left = [shard for shard in range(shards.count) if shard not in done]
    threads = made.setup.configuration.threads
    inside = torch_threads(threads) if engine.in_process else nullcontext()
    samples, size = len(made.setup.dataset.samples), made.setup.configuration.batch_size
    progress(min(len(done) * size, samples), samples)
    with inside, closing(engine.run(_start(made, engine), left)) as finished:
        for count, (shard, scanned) in enumerate(finished, start=len(done) + 1):
            shards.write(shard, scanned)
            progress(min(count * size, samples), samples)


def _start(made: Plan, engine: Engine) -> Callable[[], Callable[[int], Scanned]]:
    """What makes a worker's function, where the worker is."""
    setup = made.setup
    if engine.in_process:
        return partial(Scanner, setup)
    if not setup.portable:
        raise RunError(
            "a model or data set without a name cannot be sent to other processes: use one worker"
        )
    return partial(start_scanner, setup.configuration, key_of(setup.description()))
