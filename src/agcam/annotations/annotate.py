"""From a folder of pictures to instance labels for other tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from ..binding import BATCH_SIZE
from ..engines import ENGINES, Engine
from ..errors import RunError
from ..evaluation import Configuration
from ..evaluation.configuration import torch_threads
from ..evaluation.run import loaded_unless_named, resources_for
from ..explainer import Progress
from ..maps import mask_rule
from ..methods import METHODS
from .annotator import Annotator, Found, start_annotator
from .formats import FORMATS
from .request import Job, Request, check_output, load_job
from .stored import Stored


@dataclass(frozen=True)
class Annotation:
    """What `annotate` left in a folder.

    Attributes:
        out: The folder.
        pictures: How many pictures were annotated.
        objects: How many objects were found in them.
        empty: How many pictures have no object.
        known: How many pictures were annotated before.
        failures: The pictures that were skipped, by their paths in the folder, with the reason.
        rule: How maps became objects, as in the manifest `agcam.json`.
    """

    out: Path
    pictures: int
    objects: int
    empty: int
    known: int
    failures: Mapping[str, str]
    rule: Mapping[str, Any]

    def __repr__(self) -> str:
        return (
            f"Annotation({self.objects} objects in {self.pictures} pictures, {self.empty} without "
            f"one, {len(self.failures)} skipped; in {self.out})"
        )


def annotate(
    model: object,
    folder: str | Path,
    to: str = "coco",
    *,
    out: str | Path = Path("annotated"),
    labels: str | Sequence[str] = "folders",
    method: str = "agcam_spread",
    threshold: float | None = None,
    batch_size: int = BATCH_SIZE,
    link: bool = False,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
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
) -> Annotation:
    """Write masks, boxes and scores of the objects in a folder's pictures, for other tools.

    The same call goes on where a stopped one was; no picture is annotated twice. With another `to`
    it writes another format of what was found, without running the model.

    Args:
        model: As in `explain`; one without a name stays in this process.
        folder: The pictures.
        to: A name in `FORMATS`: coco, yolo, voc, png, csv, labelme, label-studio or fiftyone.
        out: Where to write; made if it does not exist.
        labels: The classes of each picture: "folders" (that of its class folder), "predicted", or
            names of classes that every picture has.
        method: As in `explain`.
        threshold: As in `Explanation.boxes`.
        batch_size: As in `explain`.
        link: Link pictures into `out` where the disk can; else they are copied.
        progress: Called as `progress(done, total)`, in pictures.
        options: As in `explain`.
        refine: As in `explain`.
        views: As in `explain`.
        arch: As in `agcam.load`.
        classes: As in `agcam.load`.
        preparation: As in `agcam.load`.
        scores: As in `agcam.load`.
        device: As in `evaluate`.
        engine: As in `evaluate`.
        address: As in `evaluate`.
        workers: As in `evaluate`; no more than there are batches.
        threads: Threads of each worker; a model without a name has those of this process.

    Returns:
        How many objects were found, and which pictures were skipped.

    Raises:
        AgcamError: Nothing can be annotated, or written; `out` holds another request.
    """
    row = FORMATS[to]
    _ = ENGINES[engine], METHODS[method], mask_rule(threshold)  # wrong ones are refused first
    check_output(Path(folder), Path(out))
    classifier, stated = loaded_unless_named(model, device, arch, classes, preparation, scores)
    configuration = Configuration(
        dataset="folder",
        root=str(folder),
        methods=(method,),
        metrics=(),
        options={method: dict(options)} if options else {},
        **stated,
        batch_size=batch_size,
        refine=refine,
        views=views,
        threads=threads,
    )
    names = labels if isinstance(labels, str) else tuple(labels)
    job = load_job(Request(configuration, names, threshold), classifier)
    some = job.pictures
    stored = Stored(Path(out), job.manifest, some.files, some.classes)
    with stored.opened():
        done = [shard for shard in range(job.shards) if stored.are_done(job.paths(shard))]
        left = sorted(set(range(job.shards)) - set(done))
        resources = resources_for(job, workers, threads, address)
        resources = replace(resources, workers=min(resources.workers, max(1, len(left))))
        _run(job, stored, left, ENGINES[engine](resources), progress or (lambda done, total: None))
        stored.export(row, some.classes, some.labels is None, link)
        return _counted(stored, job)


def _run(job: Job, stored: Stored, left: Sequence[int], engine: Engine, progress: Progress) -> None:
    """Annotate the shards that are left; only this process writes. Raises AgcamError."""
    threads, total = job.request.configuration.threads, len(job.pictures.paths)
    inside = torch_threads(threads) if engine.in_process and job.portable else nullcontext()
    done, explained = total - sum(len(job.places(shard)) for shard in left), stored.known > 0
    progress(done, total)
    with inside, closing(engine.run(_start(job, engine), left)) as finished:
        for shard, found in finished:
            if found.refused is not None and not explained:
                raise found.refused  # it is the model, not these pictures
            explained = explained or found.explained
            for path, record in zip(job.paths(shard), found.records, strict=True):
                stored.write(path, record)
            done += len(found.records)
            progress(done, total)


def _start(job: Job, engine: Engine) -> Callable[[], Callable[[int], Found]]:
    """What makes a worker's function, where the worker is."""
    if engine.in_process:
        return partial(Annotator, job)
    if not job.portable:
        raise RunError("a model without a name cannot be sent to other processes: use one worker")
    return partial(start_annotator, job.request, job.key)


def _counted(stored: Stored, job: Job) -> Annotation:
    failures, counts = dict(job.pictures.refused), list[int]()
    for _, record in stored.records():
        if record.error:
            failures[record.source] = record.error
        else:
            counts.append(len(record.objects))
    stored.write_failures(failures)
    return Annotation(
        stored.out,
        len(counts),
        sum(counts),
        counts.count(0),
        stored.known,
        failures,
        job.manifest["rule"],
    )
