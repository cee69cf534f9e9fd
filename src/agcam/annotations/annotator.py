"""From a shard's number to the records of its pictures."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ..errors import ModelError, RunError
from ..explainer import Listed
from ..explanation import Explanation
from ..targets import parse
from ..values import predicted
from .placing import hash_of
from .record import Annotated, Record, map_text, runs
from .request import Job, Request, load_job


@dataclass(frozen=True)
class Found:
    """The records of a shard; `refused` is why the model explained none of its pictures.

    It is None as well where none of them could be opened.
    """

    records: tuple[Record, ...]
    refused: ModelError | None = None

    @property
    def explained(self) -> bool:
        """Whether the model explained a picture."""
        return any(not record.error for record in self.records)


def start_annotator(request: Request, key: str) -> Annotator:
    """An annotator in another process, with everything made again from the names.

    Raises:
        RunError: The names stand for something else here than where the run was planned.
    """
    if request.configuration.threads:
        torch.set_num_threads(request.configuration.threads)
    job = load_job(request)
    if job.key != key:
        raise RunError(
            f"a worker on {platform.node()} found another model, other pictures or versions of "
            "libraries under the same names than the driver; make the machines alike"
        )
    return Annotator(job)


class Annotator:
    """Turns shards into records; holds the model, and where the pictures are."""

    def __init__(self, job: Job) -> None:
        self.job, some, configuration = job, job.pictures, job.request.configuration
        names = ("batch_size", "refine", "views")
        self.listed = Listed(
            job.classifier,
            some.paths,
            parse(some.targets, len(some.paths)),
            (job.request.method,),
            {name: getattr(configuration, name) for name in names},
        )
        self.stems = some.stems

    def __call__(self, shard: int) -> Found:
        """A record of each picture; of a bad one with the reason."""
        records, refused, explained = list[Record](), None, False
        for places, found in self.listed.isolated(self.job.places(shard)):
            for number, place in enumerate(places):
                if isinstance(found, Explanation):
                    records.append(self._record(place, found, number))
                else:
                    records.append(self._begun(place, error=str(found)))
            explained = explained or isinstance(found, Explanation)
            refused = found if isinstance(found, ModelError) else refused
        return Found(tuple(records), None if explained else refused)

    def _begun(self, place: int, error: str = "") -> Record:
        """What is known of a picture without a map of it."""
        some = self.job.pictures
        return Record(some.names[place], self.stems[place], hash_of(some.paths[place]), error=error)

    def _record(self, place: int, made: Explanation, number: int) -> Record:
        """A picture, which is one of an explanation."""
        given, begun, frame = self.job.pictures.labels, self._begun(place), made.frames[number]
        labels = self._predicted(made, number) if given is None else given[place]
        return Record(
            begun.source,
            begun.stem,
            begun.picture_sha256,
            (frame.width, frame.height),
            labels,
            tuple(self._objects(made, number, labels)),
            tuple(map_text(made, number, target) for target in range(len(labels))),
        )

    def _predicted(self, made: Explanation, number: int) -> tuple[int, ...]:
        """The predicted class; none where the only one is improbable."""
        (best,) = predicted(self.job.classifier, made.logits[number : number + 1]).tolist()
        return () if best < 0 else tuple(made.target[number].tolist())

    def _objects(
        self, made: Explanation, picture: int, labels: Sequence[int]
    ) -> Iterator[Annotated]:
        for target, label in enumerate(labels):
            probability = made.answers[picture][target].probability
            for one in made.boxes(picture, target, threshold=self.job.request.threshold):
                yield Annotated(label, one.box, one.score, probability, runs(one.mask))
