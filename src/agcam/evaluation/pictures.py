"""The best and worst pictures of a run, made once more from its data set and model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from PIL import Image

from ..errors import RunError
from ..families import weights_hash
from ..images import open_picture, prepare_inputs
from ..maps import PatchMaps, contact_sheet
from ..records import Results
from ..tracing import evaluation_mode
from ..values import name_of
from ..viewer import Card, Judged, MapData, MethodData, TargetData, drawn, embedded
from .configuration import Configuration
from .items import SIDES, Item, read_truth
from .setup import Setup, load_setup
from .shard_maps import ShardMaps
from .stamps import changed

SIDE: Final = 480  # pixels of a picture's longer side on the page
SHEET: Final = 1440  # of a clip's contact sheet
BY: Final = ("iou", "paper_iou", "abpc", "energy_pointing_game")
"""Pictures are ordered by the first of these that was measured."""


def shown_pictures(
    results: Results, stamps: Mapping[int, str | None], each: int = 3
) -> list[Judged]:
    """For each method its `each` best and worst pictures, with map and boxes.

    Args:
        results: The numbers of a run.
        stamps: Of each of its shards, as it was judged.
        each: How many of the best, and of the worst.

    Raises:
        AgcamError: One cannot be made again, or is no longer the one that was judged.
    """
    setup = _setup(results.run.configuration)
    wanted = list(_wanted(results, each))
    shards = {number // setup.configuration.batch_size for *_, number, _ in wanted}
    if changed(setup, {shard: stamps.get(shard) for shard in shards}):
        raise RunError("pictures or annotations have changed since the run")
    predicted = {sample.sample: sample.prediction for sample in results.samples}
    cards = {
        number: _card(setup, _item(setup, number), predicted[number])
        for number in dict.fromkeys(one[3] for one in wanted)
    }
    return [
        Judged(method, metric, best, value, cards[number])
        for method, metric, best, number, value in wanted
    ]


def _setup(stored: Mapping[str, Any]) -> Setup:
    """What was judged, loaded once more. Raises RunError where it has changed."""
    source = stored.get("source")
    if source is None:
        raise RunError("the run was of a model without a name, so its maps cannot be recomputed")
    setup = load_setup(Configuration.from_stored(source))
    if weights_hash(setup.classifier.module) != stored["model"].get("weights_sha256"):
        raise RunError("the model's weights have changed since the run")
    if setup.dataset_hash() != stored["dataset"].get("sha256"):
        raise RunError("the data set has changed since the run")
    return setup


def _wanted(results: Results, each: int) -> Iterator[tuple[str, str, bool, int, float]]:
    """(method, metric, whether best, sample, value), the best first."""
    metric = next((name for name in BY if name in results.values), next(iter(results.values)))
    sign = 1 if results.metrics[metric]["better"] == "higher" else -1
    for method, values in zip(results.methods, results.values[metric].T, strict=True):
        there = np.flatnonzero(~np.isnan(values))
        order = there[np.argsort(-sign * values[there], kind="stable")]
        best, worst = order[:each], order[each:][-each:]
        for index in (*best, *worst):
            number = results.samples[index].sample
            yield method, metric, bool(index in best), number, float(values[index])


def _item(setup: Setup, number: int) -> Item:
    sample = setup.dataset.samples[number]
    pixels, frame, picture = setup.open(sample)
    truth = read_truth(setup.dataset.truth, sample, frame)
    label = setup.classes[sample.label] or 0
    return Item(number, sample, label, pixels, frame, truth, picture)


def _maps(setup: Setup, item: Item) -> dict[str, PatchMaps]:
    views = setup.views
    with evaluation_mode(setup.classifier.module):
        maps = ShardMaps(setup.classifier, [item], setup.methods, views)
        return {method.name: maps.label_maps(method)[0] for method in setup.methods}


def _card(setup: Setup, item: Item, predicted: int) -> Card:
    """A picture with the maps of all methods for its label, and what people annotated."""
    picture, frames = _shown(setup, item)
    image = embedded(picture, SHEET if frames else SIDE)
    names = setup.classifier.class_names
    label = name_of(names, item.label)
    wrong = predicted not in (item.label, -1)
    specific = {method.name: method.class_specific for method in setup.methods}
    boxes = np.zeros((0, SIDES)) if isinstance(item.truth, str) else item.truth.boxes
    maps = {
        name: drawn(made, item.frame, picture, image) for name, made in _maps(setup, item).items()
    }
    scale = np.tile([image.width / picture.width, image.height / picture.height], 2)
    return Card(
        title=item.sample.name,
        picture=image,
        window=next(iter(maps.values()))[0],
        targets=(TargetData(label, item.label),),
        methods=tuple(MethodData.of(method) for method in setup.methods),
        maps=tuple(
            MapData(name, 0 if specific[name] else None, values[0])
            for name, (_, values) in maps.items()
        ),
        boxes=tuple(
            (a, b, c, d) for a, b, c, d in (np.reshape(boxes, (-1, SIDES)) * scale).tolist()
        ),
        frames=frames,
        caption=f"{label}, predicted {name_of(names, predicted)}" if wrong else label,
    )


def _shown(setup: Setup, item: Item) -> tuple[Image.Image, int | None]:
    """A sample's picture, or its clip's contact sheet with how many frames are on it."""
    if setup.classifier.medium.still:
        return open_picture(item.sample.address), None
    prepared = prepare_inputs(setup.classifier, item.sample.address)
    if not prepared.clips:
        return prepared.pictures[0], None
    frames = prepared.clips[0].pictures
    return contact_sheet(frames), len(frames)
