"""The structure of a model: its blocks, the tokens that enter them, the grid that these form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from ..undo import hook, undoing
from ..values import Classifier, Grid, Medium
from .grid import Entry, measured_grid
from .hooks import first_tensor
from .untraceable import SCATTERED, UNMEASURED, UNSEEN, NotOneGridError, UntraceableError


def find_blocks(tower: nn.Module, paths: list[str], takers: set[str]) -> tuple[str, ...]:
    """The modules that repeat, in each outermost module that takes the tokens (`takers`)."""
    groups = dict[str, list[str]]()
    for path in paths:
        parts = path.split(".")
        around = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
        outermost = next((module for module in around if module in takers), "")
        groups.setdefault(outermost, []).append(path)
    found = [block for module, some in groups.items() for block in _repeat(tower, module, some)]
    every = [path for some in groups.values() for path in some]
    called = [_called(block, path, takers) for block, path in zip(found, every, strict=True)]
    return tuple(dict.fromkeys(called))


def _called(block: str, path: str, takers: set[str]) -> str:
    """The block, or, where it is a list that nobody calls, the part of it that takes the tokens."""
    parts = path.split(".")
    within = [".".join(parts[:depth]) for depth in range(block.count(".") + 1, len(parts) + 1)]
    return next((module for module in within if module in takers), block)


def _repeat(tower: nn.Module, module: str, paths: list[str]) -> list[str]:
    """Children of what all self-attention in `module` has in common; of one, in lists alone."""
    split = [path.split(".") for path in paths]
    depth = 0
    while all(len(path) > depth for path in split) and len({path[depth] for path in split}) == 1:
        depth += 1
    if len(set(paths)) == 1:  # a single block: the child of the innermost list, or all there is
        depths = range(len(split[0]))
        lists = [d for d in depths if _is_list(tower.get_submodule(".".join(split[0][:d])))]
        inside = module.count(".") + 1 if module else 0
        depth = lists[-1] if lists and lists[-1] >= inside else max(inside - 1, 0)
    return [".".join(path[: depth + 1]) for path in split]


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList | nn.Sequential)


def has_quantised_layers(module: nn.Module) -> bool:
    """Whether some layer is of torch's quantised kinds, which have no gradient."""
    return any("quantized" in type(part).__module__.split(".") for part in module.modules())


class _TokensKnownError(Exception):
    """Leaves the pass at the first block: torch has no other way out of a module's forward."""


def tokens_entering(classifier: Classifier, pixels: Tensor, block: str, tokens: int) -> Entry:
    """The tokens that enter the first block, with the graph that leads to the pixels."""
    module = classifier.vision.get_submodule(block)
    found: list[Tensor] = []

    def follow(*_: object) -> None:
        torch.set_grad_enabled(True)  # also where the model says no_grad

    def stop(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        tensor = first_tensor(args, kwargs)
        if tensor is not None:
            found.append(tensor)
        raise _TokensKnownError

    leaf = pixels.detach().clone().requires_grad_()
    with undoing() as undo, torch.enable_grad():
        for part in classifier.vision.modules():
            if not isinstance(part, torch.jit.ScriptModule):  # takes no hooks
                hook(undo, part, before=stop if part is module else follow)
        for picture in (leaf, negative(pixels)):
            with suppress(_TokensKnownError):
                classifier.predict(picture)
    dims = [d for d, n in enumerate(found[0].shape[:-1]) if n == tokens] if found else []
    if not dims or found[0].ndim != 3:
        raise NotOneGridError(f"{block} does not take a sequence of {tokens} tokens")
    with torch.enable_grad():
        one, other = (some.movedim(dims[-1], 0)[:, 0] for some in found)
    return Entry(one, leaf, (one != other).any(1), dims[-1])


def negative(pixels: Tensor) -> Tensor:
    """Another picture, in which every patch is another, also where all is zero or a mirror."""
    ramp = torch.linspace(0.5, 1.5, pixels.shape[-1], device=pixels.device, dtype=pixels.dtype)
    return ramp - pixels


def find_grid(entry: Entry, medium: Medium, maps: Sequence[tuple[int, ...]], name: str) -> Grid:
    """Where patches lie on the input, measured; by the stem's feature maps where that cannot be.

    Raises:
        UntraceableError: The patch tokens form no grid.

    """
    if not bool(entry.changed.any()):
        raise UntraceableError(UNSEEN.format(name=name))
    found = measured_grid(entry, medium, name)
    if found is not None:
        return found
    if not medium.still:
        raise UntraceableError(UNMEASURED.format(name=name, medium=medium.name))
    return _by_shape(entry, maps, name)


def _by_shape(entry: Entry, maps: Sequence[tuple[int, ...]], name: str) -> Grid:
    """Rows and columns of the last feature map that has as many places as there are patches."""
    changed, pixels = entry.changed, entry.pixels
    tokens, patches = len(changed), int(changed.sum())
    prefix = int(changed.int().argmax())
    suffix = tokens - patches - prefix
    if not bool(changed[prefix : prefix + patches].all()):
        raise UntraceableError(SCATTERED.format(name=name))
    shapes = [shape for shape in maps if math.prod(shape) == patches]
    if shapes:
        rows, columns = shapes[-1]
        return Grid(rows, columns, prefix, suffix)
    height, width = pixels.shape[-2:]
    raise UntraceableError(
        f"{name}: {patches} patch tokens do not form a grid on a {width} x {height} input; "
        "give an input whose sides are multiples of the patch size."
    )
