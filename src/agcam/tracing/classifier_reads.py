"""What a classifier reads of a model over several grids: its last grid alone, or several stages.

In autograd's graph, with every attention's output a leaf, all that the logits are made of comes
through one tensor where the model's last block ends. If that tensor holds a position beside the
others, the classifier reads that block's tokens. If it is a mean, or several stages side by side,
the stages went their own ways to the classifier.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

from ..values import Classifier, Layout
from .hierarchy import Hierarchy

TRIED: Final = 16  # elements of that tensor: some are of other branches, or zero by chance


def reads_several_stages(classifier: Classifier, pixels: Tensor, layout: Layout) -> bool:
    """Whether what earlier blocks hold reaches the logits by another way than the last block."""
    leaf = pixels.detach().clone().requires_grad_()
    with torch.enable_grad():
        graph = Hierarchy(classifier, leaf.clone(), layout, keep_calls=False)
    last = graph.outputs[-1]
    order = _from_outside_in(graph.logits.grad_fn)
    node = _innermost_separator(order, {id(leaf), *map(id, graph.outputs)})
    if node is None:
        return True
    every = _rows_made_of(node, graph.logits, last, None)
    random = torch.Generator().manual_seed(3)
    numbers = torch.rand(TRIED, generator=random).tolist()
    counts = (_rows_made_of(node, graph.logits, last, number) for number in numbers)
    return every > 1 and not any(0 < count < every for count in counts)


def _from_outside_in(root: Any) -> list[Any]:
    """The nodes behind one, each in front of those that it is made of."""
    order, known, waiting = list[Any](), set[Any](), [(root, False)]
    while waiting:
        node, finished = waiting.pop()
        if finished:
            order.append(node)
        elif node is not None and node not in known:
            known.add(node)
            waiting.append((node, True))
            waiting += [(before, False) for before, _ in node.next_functions]
    return order[::-1]


def _innermost_separator(order: list[Any], leaves: set[int]) -> Any:
    """The last node through which every way from the logits to the leaves leads; None: none does.

    Ways are counted: those to a node, times those from it, are all of them.
    """
    onward, to = dict[Any, int](), dict.fromkeys(order, 0)
    for node in reversed(order):
        variable = getattr(node, "variable", None)
        before = (one for one, _ in node.next_functions if one is not None)
        onward[node] = int(id(variable) in leaves) + sum(onward[one] for one in before)
    to[order[0]] = 1
    for node in order:
        for before, _ in node.next_functions:
            if before is not None:
                to[before] += to[node]
    every = onward[order[0]]
    inner = [node for node in order[1:] if not hasattr(node, "variable")]
    found = [node for node in inner if to[node] * onward[node] == every]
    return found[-1] if found else None


def _rows_made_of(node: Any, logits: Tensor, output: Tensor, place: float | None) -> int:
    """How many rows of an attention's output one element of a node's tensor is made of.

    Its place is a share of all elements; None: all of them.
    """

    def seed(gradients: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        one = torch.zeros_like(gradients[0]).flatten()
        if place is None:
            one = torch.linspace(1, 2, len(one)).to(one)
        else:
            one[int(place * len(one))] = 1
        return (one.view(gradients[0].shape), *gradients[1:])

    hook = node.register_prehook(seed)
    try:
        weights = torch.linspace(1, 2, logits.numel()).to(logits).view_as(logits)
        (found,) = torch.autograd.grad(
            logits, output, weights, retain_graph=True, materialize_grads=True
        )
    finally:
        hook.remove()
    return int(found.ne(0).any(3).any(1).sum())
