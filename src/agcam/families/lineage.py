"""What logits were made of: the graph from them back to what models within the module returned."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from torch import Tensor

from .outputs import leaves

WEIGHTED: Final = re.compile(r"mm|conv|linear|dot|mv|bilinear|embedding", re.I)
"""Operations by which a head of one's own would make classes of features."""
RESHAPING: Final = re.compile(
    r"view|reshape|select|slice|squeeze|tocopy|clone|alias|permute|transpose|^T|contiguous|expand",
    re.I,
)


def comes_straight_from(logits: Tensor, inner: Any) -> bool:
    """Whether logits come from an inner model's output without any weights between."""
    if any(leaf.tensor is logits for leaf in leaves(inner)):
        return True
    ends = {leaf.tensor.grad_fn for leaf in leaves(inner)} - {None}
    waiting, visited, reached = [logits.grad_fn], set[Any](), False
    while waiting:
        node = waiting.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        if node in ends:
            reached = True
            continue
        if WEIGHTED.search(node.name()):
            return False
        waiting += [following for following, _ in node.next_functions]
    return reached


def are_features(logits: Tensor, sources: Sequence[Any]) -> bool:
    """Whether logits are features themselves: as many as one token of a source has, or several.

    Fewer are made of them without a layer: distances to prototypes, say.
    """
    shapes = [leaf.tensor.shape for inner in sources for leaf in leaves(inner)]
    widths = {max(s[1:]) if len(s) == 4 else s[-1] for s in shapes if len(s) > 1}
    return any(width > 1 and logits.shape[1] % width == 0 for width in widths)


def are_passed_on(logits: Tensor, sources: Sequence[Any]) -> bool:
    """Whether logits are those of a source, in their order, but for their scale."""
    order = logits.argsort(1)
    return any(
        leaf.tensor.shape == logits.shape and leaf.tensor.argsort(1).equal(order)
        for inner in sources
        for leaf in leaves(inner)
    )


def last_operation(logits: Tensor) -> str:
    """The operation that made logits, but for changes of their shape; empty where unknown."""
    node: Any = logits.grad_fn
    while node is not None and RESHAPING.search(node.name()):
        node = node.next_functions[0][0] if node.next_functions else None
    return "" if node is None else str(node.name())
