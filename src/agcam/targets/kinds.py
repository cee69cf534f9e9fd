"""The kinds of targets that are not written as a number, a name or a list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Top:
    """The most probable classes of each picture.

    Args:
        count: How many of them, at least 1.
    """

    count: int


@dataclass(frozen=True)
class Target:
    """A function of the model's output as a target, with a name for tables and files.

    A bare function is a target too; this gives it a name.

    Args:
        function: Called with the output for one picture at a time: the logits (1, class), or all
            that the module returns if it has no classifier. It returns one number, a tensor of
            shape () or (1,).
        name: By default the function's own.
    """

    function: Callable[[Any], Tensor]
    name: str = ""


@dataclass(frozen=True)
class Against:
    """A class against another: the difference of their logits.

    Args:
        target: The class to explain, by number, name or prompt.
        other: The class whose logit is subtracted.
    """

    target: str | int
    other: str | int


@dataclass(frozen=True, eq=False)  # an array has no plain equality
class Similarity:
    """The cosine between the model's outputs for each picture and for another one.

    It compares the image embeddings of a CLIP-like model, the output of a model without a
    classifier, and otherwise the logits.

    Args:
        other: A picture, as `explain` takes it, or an embedding (dim,): a tensor, array or list.
        of: Picks the vector (batch, dim) if the output holds several:
            `of=lambda y: y.last_hidden_state[:, 0]`.
        name: By default that of the other picture.
    """

    other: Any
    of: Callable[[Any], Tensor] | None = None
    name: str = ""
