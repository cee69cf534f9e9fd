"""The best and worst pictures of a run, made once more from its data set and model."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

from ..errors import RunError
from ..families import weights_hash
from ..images import open_picture
from ..maps import overlay, to_pixels
from ..records import Results, Shown
from ..tracing import evaluation_mode
from .configuration import Configuration
from .items import Item, read_truth
from .setup import Setup, load_setup
from .shard_maps import ShardMaps

SIDE: Final = 280  # pixels of a picture's longer side on the page
QUALITY: Final = 80
BY: Final = (
    "iou",
    "paper_iou",
    "abpc",
    "energy_pointing_game",
)  # ordered by the first of them that was measured


def shown_pictures(results: Results, each: int = 3) -> list[Shown]:
    """For each method its `each` best and worst pictures, with map and boxes. Raises AgcamError."""
    setup = _setup(results.run.configuration)
    wanted = list(_wanted(results, each))
    items = {number: _item(setup, number) for number in {one[3] for one in wanted}}
    maps = {number: _maps(setup, item) for number, item in items.items()}
    return [
        Shown(method, metric, best, items[number].sample.name, value, jpeg)
        for method, metric, best, number, value in wanted
        for jpeg in [_jpeg(items[number], maps[number][method])]
    ]


def _setup(stored: Mapping[str, Any]) -> Setup:
    """What was judged, loaded once more. Raises RunError where it has changed."""
    source = stored.get("source")
    if source is None:
        raise RunError("the run was of a model without a name, so its maps cannot be made again")
    setup = load_setup(Configuration.from_stored(source))
    if weights_hash(setup.classifier.module) != stored["model"].get("weights_sha256"):
        raise RunError("the model's weights are not those of the run any more")
    if setup.dataset_hash() != stored["dataset"].get("sha256"):
        raise RunError("the data set is not that of the run any more")
    return setup


def _wanted(results: Results, each: int) -> Iterator[tuple[str, str, bool, int, float]]:
    """(method, metric, whether best, sample, value), the best first."""
    metric = next((name for name in BY if name in results.values), next(iter(results.values)))
    sign = 1 if results.measures[metric]["better"] == "higher" else -1
    for method, values in zip(results.methods, results.values[metric].T, strict=True):
        there = np.flatnonzero(~np.isnan(values))
        order = there[np.argsort(-sign * values[there], kind="stable")]
        best, worst = order[:each], order[each:][-each:]
        for index in (*best, *worst):
            number = results.samples[index].sample
            yield method, metric, bool(index in best), number, float(values[index])


def _item(setup: Setup, number: int) -> Item:
    sample = setup.dataset.samples[number]
    pixels, frame = setup.open(sample)
    truth = read_truth(setup.dataset.truth, sample, frame)
    return Item(number, sample, setup.classes[sample.label] or 0, pixels, frame, truth)


def _maps(setup: Setup, item: Item) -> dict[str, Any]:
    with evaluation_mode(setup.classifier.module):
        maps = ShardMaps(setup.classifier, [item], setup.methods)
        return {method.name: maps.maps(method)[0] for method in setup.methods}


def _jpeg(item: Item, grid: Any) -> bytes:
    picture = open_picture(item.sample.address)
    values = to_pixels(grid[None], item.frame).normalized()[0]
    shown = overlay(picture, np.asarray(values))
    if not isinstance(item.truth, str):
        pen = ImageDraw.Draw(shown)
        for box in np.asarray(item.truth.boxes).reshape(-1, 4):
            pen.rectangle(
                [float(v) for v in box], outline="white", width=max(1, shown.width // 120)
            )
    scale = SIDE / max(shown.size)
    size = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
    buffer = io.BytesIO()
    shown.resize(size, Image.Resampling.BILINEAR).save(buffer, format="JPEG", quality=QUALITY)
    return buffer.getvalue()
