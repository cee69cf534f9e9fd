"""From what a user writes to one row of items for each picture; the model has not run yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ..errors import TargetError
from .classes import as_class, index_of
from .kinds import Against, Similarity, Target, Top

NOT: Final = "not "  # before a class name: its other side
Item = int | str | Target | Against | Similarity
"""One target of one picture; a text is a class name, a prompt or "not NAME"."""


@dataclass(frozen=True)
class Targets:
    """The targets of some pictures: a row of items for each, or their `top` classes."""

    rows: tuple[tuple[Item, ...], ...] = ()
    top: Top | None = None

    def items(self) -> Iterator[Item]:
        """Every item of every picture, in order."""
        return (item for row in self.rows for item in row)

    def part(self, some: slice) -> Targets:
        """The targets of some of the pictures."""
        return replace(self, rows=self.rows[some])

    @property
    def without_classes(self) -> bool:
        """Whether all targets are functions of whatever the model gives."""
        return bool(self.rows) and all(isinstance(one, Target | Similarity) for one in self.items())

    @property
    def prompts(self) -> list[str]:
        """The text prompts for a CLIP-like model, each once, in order. Raises TargetError."""
        if self.top is not None:
            raise TargetError(
                'this model compares pictures with text: give target="a photo of a cat", or name '
                "the classes when you load it: agcam.load(model, classes=[...])."
            )
        pairs = (
            (one.target, one.other) if isinstance(one, Against) else (one,) for one in self.items()
        )
        found = [item for pair in pairs for item in pair]
        prompts = [item for item in found if isinstance(item, str)]
        if len(prompts) < len(found):
            raise TargetError(
                "this model's classes are text prompts: give words, not numbers or functions."
            )
        return list(dict.fromkeys(prompts))

    def functions(self, names: Sequence[str]) -> tuple[Item, ...]:
        """The items that are not classes, each once, in order; `names` are those of the classes."""
        found: list[Item] = []
        for item in self.items():
            if _is_function(item, names) and item not in found:
                found.append(item)
        return tuple(found)

    def columns(
        self,
        logits: Float[Tensor, "batch class"],
        names: Sequence[str],
        functions: Sequence[Item] = (),
    ) -> Int[Tensor, "batch target"]:
        """The column of each target: a class's own; those of `functions` follow the classes.

        Raises:
            TargetError: A class does not exist, or the model has no classes.
        """
        batch, classes = logits.shape
        if self.top is not None:
            return logits.topk(_count(self.top, classes), dim=1).indices

        def column(item: Item) -> int:
            if item in functions:
                return classes + functions.index(item)
            return index_of(as_class(item), classes, names)

        rows = [[column(item) for item in row] for row in self.rows]
        assert len(rows) == batch, "targets are those of the pictures in the pass"
        return torch.tensor(rows)


def parse(target: Any, pictures: int) -> Targets:
    """Read the `target` of `explain` for so many pictures.

    None is the prediction. A number, name or function is the target of every picture. A list has
    one target per picture, a list of lists or a 2-d tensor several; a list of only functions is
    several targets of every picture.

    Raises:
        TargetError: It has another form, or a list does not fit the pictures.
    """
    if isinstance(target, Targets):
        return target
    if target is None or isinstance(target, Top):
        return Targets(top=target or Top(1))
    target = _plain(target)
    if not _is_list(target):
        if not isinstance(target, str | int | float) and not _is_callable(target):
            raise TargetError(f"a target is a class number, a name or a list, not {target!r}.")
        return Targets(((_item(target),),) * pictures)
    if target and all(map(_is_callable, target)):
        return Targets((tuple(map(_item, target)),) * pictures)
    if len(target) != pictures:
        raise TargetError(_wrong_length(target, pictures))
    rows = tuple(tuple(map(_item, row if _is_list(row) else [row])) for row in target)
    if len({len(row) for row in rows}) > 1 or not rows[0]:
        raise TargetError("every picture needs the same number of targets, at least one.")
    return Targets(rows)


def _item(written: Any) -> Item:
    if isinstance(written, Target | Against | Similarity):
        return written
    return Target(written) if callable(written) else as_class(written)


def _is_callable(item: object) -> bool:
    return isinstance(item, Target | Against | Similarity) or callable(item)


def _is_function(item: Item, names: Sequence[str]) -> bool:
    """Whether a target is not a class; a class may be called "not ripe"."""
    if not isinstance(item, str):
        return isinstance(item, Target | Against | Similarity)
    text = item.strip().casefold()
    return text.startswith(NOT) and all(name.strip().casefold() != text for name in names)


def _count(top: Top, classes: int) -> int:
    if not classes:
        raise TargetError("this model has no classes: give a function of its output as target.")
    if type(top.count) is not int or not 1 <= top.count <= classes:
        raise TargetError(
            f"top {top.count} of {classes} classes: give a number from 1 to {classes}."
        )
    return top.count


def _plain(target: Any) -> Any:
    """Tensors, arrays and their numbers as Python's own, also within a list."""
    if hasattr(target, "tolist"):
        return target.tolist()
    return [_plain(item) for item in target] if _is_list(target) else target


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _wrong_length(target: Sequence[Any], pictures: int) -> str:
    flat = (item for row in target for item in (row if _is_list(row) else [row]))
    example = [item for item in flat if isinstance(item, str | int)][:2] or [0, 1]
    return (
        f"{len(target)} targets for {pictures} picture{'s' if pictures > 1 else ''}: a list has "
        "one target per picture; for several per picture give a list of lists, as in "
        f"{[example] * min(pictures, 2)}."
    )
