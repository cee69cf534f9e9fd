"""Maps judged by what people annotated: boxes and masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import AgcamError, RunError
from ..maps import PatchMaps
from ..values import (
    BoxCase,
    DataSet,
    MaskCase,
    Metric,
    PartCase,
    PictureMaskCase,
    Truth,
)
from .items import SIDES, Item
from .rows import Rows
from .shard_maps import Grids, ShardMaps

TRIED: Final = 20


def check_truths(metrics: Sequence[Metric], dataset: DataSet) -> None:
    """Refuse metrics of what the data set lacks, as far as its first samples show."""
    on_boxes = [metric for metric in metrics if metric.needs is BoxCase]
    on_masks = [metric for metric in metrics if metric.needs in (MaskCase, PictureMaskCase)]
    on_parts = [metric for metric in metrics if metric.needs is PartCase]
    if not on_boxes and not on_masks and not on_parts:
        return
    truths = []
    for sample in dataset.samples[:TRIED]:
        try:
            truths.append(dataset.truth(sample))
        except AgcamError:
            continue  # a bad annotation is the failure of its sample
    known = (
        ("boxes", any(len(truth.boxes) for truth in truths), on_boxes),
        ("masks", any(truth.mask is not None for truth in truths), on_masks),
        ("pictures without a part", any(truth.parts for truth in truths), on_parts),
    )
    for what, there, reading in known:
        if reading and truths and not there:
            names = ", ".join(metric.name for metric in reading)
            raise RunError(
                f"the data set {dataset.name} has no {what}, which {names} need; choose "
                "other metrics, such as perturbation"
            )


def judge_boxes(maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
    """Judge every map by boxes; a sample without a box is a failure, not a zero."""
    for picture, item in enumerate(maps.items):
        truth = item.truth
        if isinstance(truth, Truth) and len(truth.boxes):
            _score(maps, picture, metrics, rows, partial(box_case, item, truth))
        else:
            why = truth if isinstance(truth, str) else "no box was drawn for it"
            rows.fail(item.number, item.sample, "boxes", why)


def judge_masks(maps: ShardMaps, metrics: Sequence[Metric], rows: Rows) -> None:
    """Judge every map by masks; a sample without a mask is a failure, not a zero."""
    for picture, item in enumerate(maps.items):
        truth = item.truth
        if isinstance(truth, Truth) and truth.mask is not None:
            mask = np.asarray(truth.mask)
            cases: dict[type[MaskCase], Callable[[PatchMaps], MaskCase]] = {
                MaskCase: partial(_mask_case, item, nearest(mask, *maps.size)),
                PictureMaskCase: partial(_picture_mask_case, item, mask),
            }
            for kind, to_case in cases.items():
                some = [metric for metric in metrics if metric.needs is kind]
                _score(maps, picture, some, rows, to_case)
        else:
            why = truth if isinstance(truth, str) else "no mask was drawn for it"
            rows.fail(item.number, item.sample, "masks", why)


def _score(
    maps: ShardMaps,
    picture: int,
    metrics: Sequence[Metric],
    rows: Rows,
    to_case: Callable[[PatchMaps], BoxCase | MaskCase],
) -> None:
    """Score every method's map of one picture, for each class whose map is judged."""
    wanted = [metric for metric in metrics if maps.is_right(picture) or not metric.right_only]
    for method in maps.methods:
        for of_label in dict.fromkeys(metric.map_of == "label" for metric in wanted):
            every = maps.label_maps(method) if of_label else maps.predicted_class_maps(method)
            some = [metric for metric in wanted if (metric.map_of == "label") == of_label]
            rows.score(maps.items[picture], method.name, some, to_case(every[picture]))


def box_case(item: Item, truth: Truth, maps: PatchMaps) -> BoxCase:
    """The map and the boxes on the whole picture squashed to the input's size."""
    height, width = item.pixels.shape[-2:]
    boxes = np.asarray(truth.boxes, dtype=np.float64).reshape(-1, SIDES)
    scale = np.array([width, height, width, height])
    size = np.array([item.frame.width, item.frame.height] * 2)
    return BoxCase(on_whole_picture(maps, item), boxes * scale / size)


def _mask_case(item: Item, mask: NDArray[Any], maps: PatchMaps) -> MaskCase:
    return MaskCase(on_whole_picture(maps, item), mask)


def _picture_mask_case(item: Item, mask: NDArray[Any], maps: PatchMaps) -> PictureMaskCase:
    return PictureMaskCase(np.asarray(maps.on_pixels(item.frame, item.picture)[0]), mask)


def on_whole_picture(maps: PatchMaps, item: Item) -> Grids:
    """The first map (height, width) on the whole picture squashed to the input's size.

    With a preparation that squashes, as the paper's, that is the input itself; with one that crops,
    what the model never saw is NaN.
    """
    height, width = item.pixels.shape[-2:]
    return np.asarray(maps.on_pixels(item.frame.scaled(width, height), item.whole)[0])


def nearest(mask: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """The mask at another size: each pixel is the one that its centre falls on."""
    rows = ((np.arange(height) + 0.5) * mask.shape[0] / height).astype(np.intp)
    columns = ((np.arange(width) + 0.5) * mask.shape[1] / width).astype(np.intp)
    return np.asarray(mask[rows[:, None], columns])
