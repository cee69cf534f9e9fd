"""Autograd's own graph: what a tensor is made of, whatever the numbers are."""

from __future__ import annotations

import re
from typing import Any, Final

from torch import Tensor

PRODUCT: Final = re.compile("mmBackward", re.IGNORECASE)


def nodes_leading_to(tensor: Tensor, stop: Any = None) -> set[Any]:
    """The nodes of the graph behind a tensor, not counting ways through the node `stop`."""
    return nodes_behind(tensor.grad_fn, stop)


def nodes_behind(node: Any, stop: Any = None) -> set[Any]:
    """A node, and those that lead to it, not counting ways through the node `stop`."""
    found, waiting = set[Any](), [node]
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
    return leaves_among(nodes_leading_to(tensor, stop))


def leaves_among(nodes: set[Any]) -> set[int]:
    """The leaves (by id) that some of the nodes stand for."""
    return {id(node.variable) for node in nodes if hasattr(node, "variable")}


def factors_of_last_products(tensor: Tensor) -> list[list[set[int]]]:
    """For each last product of matrices behind a tensor, the leaves behind each of its factors."""
    found, known, waiting = list[list[set[int]]](), set[Any](), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in known:
            continue
        known.add(node)
        before = [following for following, _ in node.next_functions]
        if PRODUCT.search(node.name()):
            found.append([leaves_among(nodes_behind(one)) for one in before])
        else:
            waiting += before
    return found
