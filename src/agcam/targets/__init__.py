"""What is to be explained: the prediction, classes, functions; one or several a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import TargetError
from .columns import Free, bind, read, without_classes
from .names import Column, index_of, is_list, plain
from .scalars import (
    Against,
    Bound,
    Similarity,
    Target,
    bind_similarity,
    embedding_of,
    values_of,
)

__all__ = [
    "Against",
    "Bound",
    "Column",
    "Free",
    "Similarity",
    "Target",
    "Top",
    "bind",
    "bind_similarity",
    "embedding_of",
    "part",
    "prompts_of",
    "read",
    "resolve",
    "values_of",
    "without_classes",
]


@dataclass(frozen=True)
class Top:
    """Ask about the `count` most probable classes of each picture."""

    count: int


def resolve(
    target: Any, logits: Float[Tensor, "batch class"], names: Sequence[str]
) -> Int[Tensor, "batch asked"]:
    """Class numbers asked about, for each picture; those of columns come behind the classes.

    None: the prediction. A number or name: that class for every picture. A list: one class a
    picture. A list of lists or a 2-d tensor: several a picture. Raises TargetError.
    """
    batch, classes = logits.shape
    if not classes and (target is None or isinstance(target, Top)):
        raise TargetError("this model has no classes: give a function of its output as target.")
    if target is None:
        target = Top(1)
    if isinstance(target, Top):
        if type(target.count) is not int or not 1 <= target.count <= classes:
            raise TargetError(f"top {target.count} of {classes} classes: ask for 1 to {classes}.")
        return logits.topk(target.count, dim=1).indices
    target = plain(target)
    if isinstance(target, str | int | float | Column):
        return torch.full((batch, 1), index_of(target, classes, names))
    if not is_list(target):
        raise TargetError(f"a target is a class number, a name or a list, not {target!r}.")
    if len(target) != batch:
        raise TargetError(_wrong_length(target, batch))
    rows = [row if is_list(row) else [row] for row in target]
    if len({len(row) for row in rows}) > 1 or not rows[0]:
        raise TargetError("every picture needs the same number of targets, at least one.")
    return torch.tensor([[index_of(item, classes, names) for item in row] for row in rows])


def part(target: Any, some: slice, pictures: int) -> Any:
    """The part of a target that belongs to some of all pictures; a class for all stays whole.

    Raises TargetError for a list that is not as long as there are pictures.
    """
    target = plain(target)
    if not is_list(target):
        return target
    if len(target) != pictures:
        raise TargetError(_wrong_length(target, pictures))
    return target[some]


def prompts_of(target: Any) -> list[str]:
    """The text prompts in a target, each once, in order; for CLIP-like models."""
    if target is None or isinstance(target, Top):
        raise TargetError(
            'this model compares pictures with text: target="a photo of a cat", or name the '
            "classes when it is loaded: agcam.load(model, classes=[...])."
        )
    listed = [target] if isinstance(target, str) else list(_flatten(target))
    pairs = [[one.target, one.other] if isinstance(one, Against) else [one] for one in listed]
    flat = [prompt for pair in pairs for prompt in pair]
    prompts = [item for item in flat if isinstance(item, str)]
    if len(prompts) < len(flat):
        raise TargetError(
            "this model's classes are text prompts: give words, not numbers or functions."
        )
    return list(dict.fromkeys(prompts))


def _flatten(target: Any) -> list[Any]:
    if not is_list(target):
        return [target]
    return [item for row in target for item in _flatten(row)]


def _wrong_length(target: Sequence[Any], batch: int) -> str:
    example = [item for item in _flatten(target)[:2] if isinstance(item, str | int)] or [0, 1]
    several = f"{len(target)} targets for {batch} picture{'s' if batch > 1 else ''}: a list has "
    return several + (
        "one target a picture; for several of each picture give a list of lists, as in "
        f"{[example] * min(batch, 2)}."
    )
