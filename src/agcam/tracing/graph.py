"""What stands in autograd's own graph, whatever the numbers are."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def leaves_leading_to(tensor: Tensor, stop: Any = None) -> set[int]:
    """The leaves (by id) that lead to a tensor, not counting ways through the node `stop`."""
    found, seen, waiting = set[int](), {stop}, [tensor.grad_fn]
    if tensor.grad_fn is None and tensor.requires_grad:
        return {id(tensor)}
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.add(id(variable))
        waiting += [following for following, _ in node.next_functions]
    return found
