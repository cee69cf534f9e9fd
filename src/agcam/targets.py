"""Which classes are asked about: the prediction, numbers, names, one or several a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from .errors import TargetError
from .registry import near_misses


@dataclass(frozen=True)
class Top:
    """Ask about the `count` most probable classes of each picture."""

    count: int


def resolve(
    target: Any, logits: Float[Tensor, "batch class"], names: Sequence[str]
) -> Int[Tensor, "batch asked"]:
    """Class numbers asked about, for each picture.

    None: the prediction. A number or name: that class for every picture. A list: one class a
    picture. A list of lists or a 2-d tensor: several a picture. Raises TargetError.
    """
    batch, classes = logits.shape
    if target is None:
        target = Top(1)
    if isinstance(target, Top):
        if type(target.count) is not int or not 1 <= target.count <= classes:
            raise TargetError(f"top {target.count} of {classes} classes: ask for 1 to {classes}.")
        return logits.topk(target.count, dim=1).indices
    target = _plain(target)
    if isinstance(target, str | int | float):
        return torch.full((batch, 1), _index(target, classes, names))
    if not _is_list(target):
        raise TargetError(f"a target is a class number, a name or a list, not {target!r}.")
    if len(target) != batch:
        raise TargetError(_wrong_length(target, batch))
    rows = [row if _is_list(row) else [row] for row in target]
    if len({len(row) for row in rows}) > 1 or not rows[0]:
        raise TargetError("every picture needs the same number of targets, at least one.")
    return torch.tensor([[_index(item, classes, names) for item in row] for row in rows])


def part(target: Any, some: slice, pictures: int) -> Any:
    """The part of a target that belongs to some of all pictures; a class for all stays whole.

    Raises TargetError for a list that is not as long as there are pictures.
    """
    target = _plain(target)
    if not _is_list(target):
        return target
    if len(target) != pictures:
        raise TargetError(_wrong_length(target, pictures))
    return target[some]


def _plain(target: Any) -> Any:
    """Tensors, arrays and their numbers as Python's own, also within a list."""
    if hasattr(target, "tolist"):
        return target.tolist()
    return [_plain(item) for item in target] if _is_list(target) else target


def prompts_of(target: Any) -> list[str]:
    """The text prompts in a target, each once, in order; for CLIP-like models."""
    if target is None or isinstance(target, Top):
        raise TargetError(
            'this model compares pictures with text: target="a photo of a cat", or name the '
            "classes when it is loaded: agcam.load(model, classes=[...])."
        )
    flat = [target] if isinstance(target, str) else list(_flatten(target))
    if not all(isinstance(item, str) for item in flat):
        raise TargetError("this model's classes are text prompts: give words, not numbers.")
    return list(dict.fromkeys(flat))


def _flatten(target: Any) -> list[Any]:
    if not _is_list(target):
        return [target]
    return [item for row in target for item in _flatten(row)]


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _wrong_length(target: Sequence[Any], batch: int) -> str:
    example = [item for item in _flatten(target)[:2] if isinstance(item, str | int)] or [0, 1]
    several = f"{len(target)} targets for {batch} picture{'s' if batch > 1 else ''}: a list has "
    return several + (
        "one target a picture; for several of each picture give a list of lists, as in "
        f"{[example] * min(batch, 2)}."
    )


def _index(item: Any, classes: int, names: Sequence[str]) -> int:
    if isinstance(item, str):
        return _by_name(item, names)
    if isinstance(item, bool) or not isinstance(item, int):
        raise TargetError(f"a class is a whole number or a name, not {item!r}.")
    if not 0 <= item < classes:
        raise TargetError(f"class {item} is out of range: this model knows 0 to {classes - 1}.")
    return item


def _by_name(name: str, names: Sequence[str]) -> int:
    """A class by its whole name or one of its synonyms ("tabby" of "tabby, tabby cat")."""
    if not names:
        raise TargetError(
            f"{name!r}: this model's class names are not known; give a number, or name them: "
            "agcam.load(model, classes=[...])."
        )
    wanted = name.strip().casefold()
    whole = [index for index, known in enumerate(names) if known.casefold() == wanted]
    part = [index for index, known in enumerate(names) if wanted in _synonyms(known)]
    found = whole or part
    if len(found) > 1:
        options = ", ".join(f"{index} ({names[index]})" for index in found)
        raise TargetError(f"{name!r} names several classes: {options}; give the number.")
    if not found:
        flat = [synonym for known in names for synonym in _synonyms(known)]
        close = near_misses(name, list(dict.fromkeys(flat)))
        hint = f"did you mean {' or '.join(close)}?" if close else f"it knows {len(names)} others."
        raise TargetError(f"this model has no class {name!r}; {hint}")
    return found[0]


def _synonyms(name: str) -> list[str]:
    return [part.strip().casefold() for part in name.split(",")]
