"""Autograd's own graph: what a tensor is made of, whatever the numbers are."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def nodes_leading_to(tensor: Tensor, stop: Any = None) -> set[Any]:
    """The nodes of the graph behind a tensor, not counting ways through the node `stop`."""
    found, waiting = set[Any](), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node is not stop and node not in found:
            found.add(node)
            waiting += [following for following, _ in node.next_functions]
    return found


def leaves_leading_to(tensor: Tensor, stop: Any = None) -> set[int]:
    """The leaves (by id) behind a tensor, itself if it is one."""
    if tensor.grad_fn is None and tensor.requires_grad:
        return {id(tensor)}
    nodes = nodes_leading_to(tensor, stop)
    return {id(node.variable) for node in nodes if hasattr(node, "variable")}
