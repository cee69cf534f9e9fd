"""The structure of a model: its blocks, the tokens that enter them, the grid that these form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from ..undo import hook, undoing
from ..values import Classifier, Grid
from .hooks import first_tensor
from .untraceable import SCATTERED, NotOneGridError, UntraceableError


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


def tokens_entering(
    classifier: Classifier, pixels: Tensor, block: str, tokens: int
) -> tuple[tuple[Tensor, Tensor], int]:
    """The tokens that enter the first block, for the picture and its negative; their token axis."""
    module = classifier.vision.get_submodule(block)
    found: list[Tensor] = []

    def stop(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        tensor = first_tensor(args, kwargs)
        if tensor is not None:
            found.append(tensor.detach().clone())
        raise _TokensKnownError

    with undoing() as undo:
        hook(undo, module, before=stop)
        for picture in (pixels, negative(pixels)):
            with suppress(_TokensKnownError):
                classifier.predict(picture)
    dims = [d for d, n in enumerate(found[0].shape[:-1]) if n == tokens] if found else []
    if not dims or found[0].ndim != 3:
        raise NotOneGridError(f"{block} does not take a sequence of {tokens} tokens")
    return (found[0], found[1]), dims[-1]


def negative(pixels: Tensor) -> Tensor:
    """Another picture, in which every patch is another, also where all is zero or a mirror."""
    ramp = torch.linspace(0.5, 1.5, pixels.shape[-1], device=pixels.device, dtype=pixels.dtype)
    return ramp - pixels


def find_grid(
    maps: Sequence[tuple[int, int]],
    entry: tuple[Tensor, Tensor],
    token_dim: int,
    pixels: Tensor,
    name: str,
) -> Grid:
    """Rows and columns from the patch embedding; prefix tokens are those no picture changes."""
    changed = (entry[0] != entry[1]).movedim(token_dim, 0).flatten(1).any(1)
    tokens, patches = len(changed), int(changed.sum())
    prefix = int(changed.int().argmax())
    suffix = tokens - patches - prefix
    if not bool(changed[prefix : prefix + patches].all()):
        raise UntraceableError(SCATTERED.format(name=name))
    shapes = [shape for shape in maps if shape[0] * shape[1] == patches]
    if shapes:
        return Grid(*shapes[-1], prefix, suffix)
    height, width = pixels.shape[-2:]
    rows = round(math.sqrt(patches * height / width))  # square patches
    if rows and patches % rows == 0 and rows * width == patches // rows * height:
        return Grid(rows, patches // rows, prefix, suffix)
    raise UntraceableError(
        f"{name}: {patches} patch tokens do not form a grid on a {width} x {height} input; "
        "give an input whose sides are multiples of the patch size."
    )
