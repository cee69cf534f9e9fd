"""From a folder of pictures to instance labels for other tools."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..binding import BATCH_SIZE
from ..explainer import Batch, Progress, explain_each, versions
from ..explanation import Explanation
from ..families import load, weights_hash
from ..images import refuse_moving
from ..maps import REFINEMENT, MaskRule, mask_rule
from ..methods import METHODS
from ..values import Classifier, preparation_manifest
from .formats import FORMATS
from .labels import Labelled, labelled
from .record import Annotated, Record, runs
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
    preparation: Any = None,
    options: Mapping[str, Any] | None = None,
    refine: bool = False,
    views: int = 1,
) -> Annotation:
    """Write masks, boxes and scores of the objects in a folder's pictures, for other tools.

    The same call goes on where a stopped one was; no picture is annotated twice. With another `to`
    it writes another format of what was found, without running the model.

    Args:
        model: As in `explain`.
        folder: The pictures.
        to: A name in `FORMATS`: coco, yolo, voc, png, csv, labelme or label-studio.
        out: Where to write; made if it does not exist.
        labels: The classes of each picture: "folders" (that of its class folder), "predicted", or
            names of classes that every picture has.
        method: As in `explain`.
        threshold: As in `Explanation.boxes`.
        batch_size: As in `explain`.
        link: Link pictures into `out` where the disk can; else they are copied.
        progress: Called as `progress(done, total)`, in pictures.
        preparation: As in `explain`.
        options: As in `explain`.
        refine: As in `explain`.
        views: As in `explain`.

    Returns:
        How many objects were found, and which pictures were skipped.

    Raises:
        AgcamError: Nothing can be annotated, or written; `out` holds another request.
    """
    row, rule = FORMATS[to], mask_rule(threshold)
    chosen = METHODS[method].with_options(options or {})
    classifier = load(model, preparation=preparation)
    refuse_moving(classifier, "annotate")
    some = labelled(Path(folder), labels, classifier)
    manifest = _manifest(classifier, some, rule)
    manifest |= {"method": method, "options": chosen.settings()}
    manifest |= {"refine": dict(REFINEMENT) if refine else None, "views": views}
    names = zip(some.names, some.stems, strict=True)
    stored = Stored(Path(out), manifest, dict(zip(some.paths, names, strict=True)))
    stored.begin()
    batches = explain_each(
        classifier,
        list(some.paths),
        some.targets,
        method,
        batch_size=batch_size,
        skip=stored.are_done,
        options=options,
        refine=refine,
        views=views,
    )
    done = 0
    for batch in batches:
        for path, record in _records(batch, stored, some, threshold):
            stored.write(path, record)
        done += len(batch.pictures)
        if progress is not None:
            progress(done, len(some.paths))
    stored.export(row, some.classes, some.labels is None, link)
    return _counted(stored, some)


def _manifest(classifier: Classifier, some: Labelled, rule: MaskRule) -> dict[str, Any]:
    names = "\0".join(some.names).encode("utf-8", "surrogatepass")
    return {
        "schema_version": 1,
        "rule": rule.manifest,
        "model": classifier.name,
        "family": classifier.family,
        "weights_sha256": weights_hash(classifier.module),
        "preparation": preparation_manifest(classifier.preparation),
        "classes": list(some.classes),
        "labels": "predicted" if some.labels is None else "given",
        "pictures": len(some.names),
        "pictures_sha256": hashlib.sha256(names).hexdigest(),
        "versions": dict(versions()),
    }


def _records(
    batch: Batch, stored: Stored, some: Labelled, threshold: float | None
) -> Iterator[tuple[Path, Record]]:
    """The records of a batch; none if they are all there."""
    for number, path in enumerate(batch.pictures):
        source, stem = stored.pictures[path]
        if batch.error is not None:
            yield path, Record(source, stem, stored.sha256(path), error=str(batch.error))
        elif batch.explanation is not None:
            made = batch.explanation
            frame = made.frames[number]
            labels = _labels_of(path, made, number, some)
            yield (
                path,
                Record(
                    source,
                    stem,
                    stored.sha256(path),
                    (frame.width, frame.height),
                    labels,
                    tuple(_objects(made, number, labels, threshold)),
                ),
            )


def _labels_of(path: Path, made: Explanation, number: int, some: Labelled) -> tuple[int, ...]:
    if some.labels is None:
        return tuple(made.target[number].tolist())
    return some.labels[some.places[path]]


def _objects(
    made: Explanation, picture: int, labels: Sequence[int], threshold: float | None
) -> Iterator[Annotated]:
    for target, label in enumerate(labels):
        probability = made.answers[picture][target].probability
        for one in made.boxes(picture, target, threshold=threshold):
            yield Annotated(label, one.box, one.score, probability, runs(one.mask))


def _counted(stored: Stored, some: Labelled) -> Annotation:
    failures, counts = dict(some.refused), list[int]()
    for _, record in stored.records():
        if record.error:
            failures[record.source] = record.error
        else:
            counts.append(len(record.objects))
    return Annotation(
        stored.out,
        len(counts),
        sum(counts),
        counts.count(0),
        stored.known,
        failures,
        stored.manifest["rule"],
    )
