"""Any number of pictures, batch by batch: a bad picture is reported and the rest go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..binding import BATCH_SIZE
from ..errors import AgcamError, ModelError, PictureError
from ..explanation import Explanation
from ..families import load
from ..images import list_inputs, prepare_inputs
from ..methods import named
from ..targets import Targets, parse
from ..tracing import Tracer
from ..values import Classifier, Method
from .blocks import check_blocks
from .explain import explain_prepared
from .passes import Progress
from .views import checked_batch, checked_switches


@dataclass(frozen=True)
class Batch:
    """What came of some pictures: their explanation, or the error of a picture by itself.

    Neither is there if the pictures were skipped.
    """

    pictures: tuple[Any, ...]
    explanation: Explanation | None = None
    error: AgcamError | None = None


def explain_each(
    model: object,
    pictures: Any,
    target: Any = None,
    method: str | Sequence[str] | None = None,
    *,
    batch_size: int = BATCH_SIZE,
    skip: Callable[[tuple[Any, ...]], bool] | None = None,
    tracer: Tracer | None = None,
    progress: Progress | None = None,
    preparation: Any = None,
    options: Mapping[str, Any] | None = None,
    refine: bool = False,
    views: int = 1,
    blocks: bool = False,
) -> Iterator[Batch]:
    """Explain any number of pictures, a batch at a time; no picture is kept.

    A picture that cannot be explained is a `Batch` of its own with the error; the others of its
    batch are explained one by one.

    Args:
        model: As in `explain`.
        pictures: A path, a folder, a pattern of paths, or a list of pictures.
        target: As in `explain`; a list has one target for each of all pictures.
        method: As in `explain`.
        batch_size: Pictures in one `Batch`.
        skip: Called with the pictures of each batch before they are opened; if it returns true,
            the batch is given without an explanation.
        tracer: As in `explain`.
        progress: As in `explain`; it counts each batch by itself.
        preparation: As in `explain`.
        options: As in `explain`.
        refine: As in `explain`.
        views: As in `explain`.
        blocks: As in `explain`.

    Yields:
        A `Batch` at a time, in the order of the pictures.

    Raises:
        AgcamError: The model, the method or the target is wrong, not a picture.
    """
    rows = named(method, options)
    refine, views = checked_switches(refine, views)
    batch_size = checked_batch(batch_size)
    check_blocks(blocks, rows, views)
    classifier = load(model, preparation=preparation)
    listed = list_inputs(classifier, pictures)
    settings = {"batch_size": batch_size, "tracer": tracer, "progress": progress}
    settings |= {"refine": refine, "views": views, "blocks": blocks}
    given = Listed(classifier, listed, parse(target, len(listed)), rows, settings)
    explained = False
    for start in range(0, len(listed), batch_size):
        places = range(start, min(start + batch_size, len(listed)))
        if skip is not None and skip(given.some(places)):
            explained = True
            yield Batch(given.some(places))
            continue
        for part, found in given.isolated(places):
            if isinstance(found, Explanation):
                explained = True
                yield Batch(given.some(part), found)
            elif isinstance(found, ModelError) and not explained:
                raise found  # it is the model, not this picture
            else:
                yield Batch(given.some(part), error=found)


@dataclass(frozen=True)
class Listed:
    """Pictures that are not opened yet, with their targets and how they are explained.

    `settings` are further arguments of `explain_prepared`.
    """

    classifier: Classifier
    pictures: Sequence[Any]
    targets: Targets
    methods: tuple[Method, ...]
    settings: Mapping[str, Any]

    def some(self, places: range) -> tuple[Any, ...]:
        """The pictures at these places."""
        return tuple(self.pictures[place] for place in places)

    def explain(self, places: range) -> Explanation:
        """The pictures at these places together. Raises AgcamError."""
        return explain_prepared(
            self.classifier,
            prepare_inputs(self.classifier, list(self.some(places)), places.start + 1),
            self.targets.part(slice(places.start, places.stop)),
            self.methods,
            **self.settings,
        )

    def isolated(self, places: range) -> Iterator[tuple[range, Explanation | AgcamError]]:
        """The pictures together; if that fails each by itself, to find the bad ones."""
        try:
            yield places, self.explain(places)
        except (PictureError, ModelError) as error:
            if len(places) == 1:
                yield places, error
            else:
                for place in places:
                    yield from self.isolated(range(place, place + 1))
