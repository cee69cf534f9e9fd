"""From maps to an Explanation, with all that must be noted of them."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from torch import Tensor

from .._version import __version__
from ..binding import class_names
from ..errors import AgcamError
from ..explanation import Explanation
from ..families import weights_hash
from ..images import Prepared
from ..maps import PatchMaps, contact_sheet
from ..values import Classifier, Method, answers_of, kind_of, probabilities_of, split
from .doubts import with_doubts
from .passes import Found, Maps

AT_LIMIT: Final = 1e-6
ONE_OUTPUT: Final = (
    "one output has no softmax: it is taken as the logit of yes against no (sigmoid); of a "
    'regression say scores="none" (--scores none)',
)
LARGE_ERROR: Final = 0.01
LOST_IN: Final = {
    "_softmax": ", most of it in the softmax: its rule is a first-order expansion, which gives "
    "nothing to what attention is where all scores are equal",
    "convolution": ", most of it in convolutions: where all terms of an output are negative the "
    "rule passes nothing on",
}
"""Why rules lose a part of the logit in an operation, by torch's name of it."""
LIBRARIES: Final = ("torch", "timm", "transformers", "torchvision", "open_clip_torch", "numpy")


def assemble(
    classifier: Classifier,
    methods: Sequence[Method],
    prepared: Prepared,
    found: Found,
    refine: bool = False,
) -> Explanation:
    """The explanation of all pictures by the first method, with those by the others beside it."""
    made = [
        _assembled(classifier, row, prepared, maps, refine)
        for method in methods
        for row in method.either
        if isinstance(maps := found.get(row.name), Maps)
    ]
    refused = {name: str(one) for name, one in found.items() if isinstance(one, AgcamError)}
    made = with_doubts(made)
    return replace(made[0], beside=tuple(made[1:]), refused=MappingProxyType(refused))


def _assembled(
    classifier: Classifier, method: Method, prepared: Prepared, maps: Maps, refine: bool
) -> Explanation:
    logits, _ = split(classifier, maps.columns)
    classes = logits.shape[-1]
    kind = kind_of(classifier, classes)
    of_scores = ONE_OUTPUT if kind == "sigmoid" and classifier.scores == "softmax" else ()
    grid_map = _at_patches(maps)
    flat = _flat(method, classifier, replace(maps, grid_map=grid_map))
    of_pictures = prepared.own_notes or ((),) * len(flat)
    of_maps = (*_completeness(method, maps), *dict.fromkeys(chain.from_iterable(flat)))
    own_notes = tuple((*some, *more) for some, more in zip(of_pictures, flat, strict=True))
    return Explanation(
        logits=logits,
        probabilities=probabilities_of(classifier, logits),
        prediction=logits.argmax(-1) if classes else torch.full((len(logits),), -1),
        target=maps.target.masked_fill(maps.target >= classes, -1),
        answers=tuple(
            answers_of(classifier, row, columns.tolist())
            for row, columns in zip(maps.columns, maps.target, strict=True)
        ),
        grid_map=grid_map,
        view_maps=None if len(maps.views) == 1 else maps.grid_map,
        windows=maps.views.windows,
        class_names=class_names(classifier, classes),
        scores=kind,
        model=classifier.name,
        family=classifier.family,
        weights_hash=weights_hash(classifier.module),
        method=method.name,
        options=MappingProxyType(method.settings()),
        class_specific=method.class_specific,
        tracer=maps.tracer,
        grid=maps.grid,
        versions=versions(),
        notes=(*classifier.notes, *prepared.notes, *of_scores, *of_maps),
        own_notes=own_notes,
        frames=prepared.frames,
        pictures=tuple(contact_sheet(clip.pictures) for clip in prepared.clips)
        or prepared.pictures,
        sources=prepared.sources,
        preparation=prepared.preparation,
        refine=refine,
        block_maps=maps.block_maps,
        clips=prepared.clips,
        sounds=prepared.sounds,
    )


def _at_patches(maps: Maps) -> Tensor:
    """(batch, target, row, column): the mean of all views at the patches of the picture."""
    if len(maps.views) == 1:
        return maps.grid_map
    every = [
        PatchMaps(one, maps.views.windows, False, maps.grid.extent, maps.grid.frames).grid
        for one in maps.grid_map.numpy()
    ]
    return torch.from_numpy(np.stack(every))


def _flat(method: Method, classifier: Classifier, found: Maps) -> list[tuple[str, ...]]:
    """For each picture, a note for each map that is empty or meaningless: colours would hide it."""
    classes = found.columns.shape[1] - len(classifier.scalars)
    every = []
    for row, columns, maps in zip(
        found.columns, found.target.tolist(), found.grid_map, strict=True
    ):
        notes = []
        answers = answers_of(classifier, row, columns)
        for answer, column, grid_map in zip(answers, columns, maps, strict=True):
            limit = None if column < classes else classifier.scalars[column - classes].limit
            if not grid_map.any():
                why = "nothing in the picture moves it"
                notes.append(f"the {method.name} map of {answer.name} is zero everywhere: {why}")
            elif limit is not None and answer.value > limit - AT_LIMIT:
                why = "a map of what would change it is a map of rounding"
                notes.append(f"{answer.name} is at its highest, {limit:g}: {why}")
        every.append(tuple(dict.fromkeys(notes)))
    return every


def _completeness(method: Method, maps: Maps) -> tuple[str, ...]:
    if not maps.incomplete:
        return ()
    error, operation = max(maps.incomplete)
    why = LOST_IN.get(operation, f", most of it in {operation!r}") if error > LARGE_ERROR else ""
    return (f"{method.name}: completeness error at most {error:.1e} of the target's logit{why}",)


@cache
def versions() -> Mapping[str, str]:
    """Versions of all that has a part in a map; read once, for metadata files are slow to parse."""
    found = {"agcam": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version(library)
    return MappingProxyType(found)
