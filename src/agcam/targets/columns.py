"""From targets that are no class to functions of the logits, and columns that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from torch import Tensor

from ..errors import ModelError, TargetError
from ..values import Scalar, name_of
from .names import Column, index_of, is_list, plain
from .scalars import Against, Bound, Similarity, Target, is_scalar, name_of_function

NOT: Final = "not "  # before a class name: its other side
Free = Target | Against | Similarity | str
"""A target that is no class; the text is "not NAME", a class's other side."""


def read(target: Any, pictures: int, names: Sequence[str]) -> tuple[Any, tuple[Free, ...]]:
    """A target with a Column for each that is no class, and those, each once, in order.

    `names` are those of the classes, which text may name. A list of functions alone is several
    targets for each of the `pictures`; any other list is as `resolve` takes it.
    """
    found: list[Free] = []

    def column(item: Any) -> Any:
        if is_list(item):
            return [column(one) for one in item]
        free = _free(item, names)
        if free is None:
            return item
        if free not in found:
            found.append(free)
        return Column(found.index(free))

    if is_list(target) and target and all(is_scalar(item) for item in target):
        return [[column(item) for item in target]] * pictures, tuple(found)
    replaced = column(target) if is_list(target) or _free(target, names) is not None else target
    return replaced, tuple(found)


def without_classes(target: Any) -> bool:
    """Whether every part of a target is a function of whatever the model gives; no class."""
    if is_list(target):
        return bool(target) and all(without_classes(item) for item in target)
    return is_scalar(target) and not isinstance(target, Against)


def _free(item: Any, names: Sequence[str]) -> Free | None:
    """The item as a target that is no class, None if it is one."""
    if isinstance(item, str):
        text = item.strip()
        known = any(name.strip().casefold() == text.casefold() for name in names)
        return text if text.casefold().startswith(NOT) and not known else None
    if isinstance(item, Target | Against | Similarity):
        return item
    return Target(item) if is_scalar(item) else None


def bind(free: Target | Against | str, names: Sequence[str]) -> Bound:
    """A function of the logits for a target that is no class; raises TargetError."""
    if isinstance(free, Target):
        return Bound(Scalar(name_of_function(free)), free.function)
    if isinstance(free, Against):
        return _difference(free, names)
    side = _class(free[len(NOT) :].strip(), names)
    name = f"{NOT}{name_of(names, side)}"
    return Bound(Scalar(name, side), lambda logits: -_logit(logits, side, names))


def _difference(free: Against, names: Sequence[str]) -> Bound:
    first, second = _class(free.target, names), _class(free.other, names)
    told = f"{name_of(names, first)} against {name_of(names, second)}"
    if first == second:
        raise TargetError(f"{told}: a class against itself has nothing to explain.")
    return Bound(Scalar(told), lambda y: _logit(y, first, names) - _logit(y, second, names))


def _class(item: Any, names: Sequence[str]) -> int:
    """A class's number before the model has run, when only the names say how many there are."""
    return index_of(plain(item), len(names) or 2**31, names)


def _logit(logits: Tensor, index: int, names: Sequence[str]) -> Tensor:
    classes = logits.shape[-1]
    if names and len(names) != classes:
        raise ModelError(f"this model has {classes} classes, but {len(names)} class names.")
    return logits[..., index_of(index, classes, names)]
