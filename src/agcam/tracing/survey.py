"""Find out, from one pass over one picture, all that tracing must know of a model.

Nothing is asked of the user and no module name is known in advance: blocks are where
self-attention happens, patch tokens are those that change with the picture, read tokens are
those at which the logits have a gradient. Every replay proves the result again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..values import AttentionCall, Classifier, Grid, Layout
from .attention import listening
from .hooks import first_tensor, hooked, replace_first_tensor
from .quantised import QUANTISED, has_quantised_layers
from .record import try_out

# a test holds the names to the table of methods, which this room may not import
INSTEAD = (
    "Methods that only ask the model work for it too: integrated_gradients, occlusion, rise, "
    "saliency, smooth_grad."
)
NO_ATTENTION = (
    "{name}: none of its attention passes through scaled_dot_product_attention, so there is "
    "nothing to trace. It is a convolutional, hierarchical or talking-heads model, or its "
    "attention is computed by a library of its own. " + INSTEAD
)
NOT_ISOTROPIC = (
    "{name} is a hierarchical model ({why}); agcam explains isotropic Vision Transformers, whose "
    "blocks all attend over one grid of patches and read their output from it. " + INSTEAD
)


class UntraceableError(ModelError):
    """The model runs, but there is nothing in it to trace: it can still be asked from outside."""


class _Seen:
    """What one pass showed: the calls with the modules around them, and the feature maps."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.calls: list[tuple[str, int, int, int]] = []  # where, batch, queries, keys
        self.maps: list[tuple[int, int]] = []
        self.logits = torch.empty(0)

    def answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        queries, keys = call.query.shape[-2], call.key.shape[-2]
        self.calls.append((self.stack[-1], call.query.shape[0], queries, keys))
        return as_torch()


def survey(classifier: Classifier, pixels: Tensor) -> tuple[Layout, Tensor]:
    """Lay out a classifier for inputs of the size of `pixels` (1 3 height width).

    Raises UntraceableError, naming the reason, for models that are not isotropic ViT classifiers,
    and ModelError for those that do not run.
    """
    tower, name = classifier.vision, classifier.name
    if has_quantised_layers(classifier.module):
        raise UntraceableError(QUANTISED.format(name=name))
    seen = _watch(classifier, pixels)
    tokens = _tokens(seen, name)
    calls = tuple(queries == keys == tokens for _, _, queries, keys in seen.calls)
    blocks = _blocks(tower, [call[0] for call, own in zip(seen.calls, calls, strict=True) if own])
    entry, token_dim = _entry(classifier, pixels, blocks[0], tokens)
    grid = _grid(seen, entry, token_dim, pixels, name)
    reads = _reads(classifier, pixels, blocks[-1], token_dim)
    kept = max(reads) + 1 if max(reads) < grid.prefix else grid.tokens
    return Layout(grid, calls, blocks, reads, kept, token_dim), seen.logits


def _watch(classifier: Classifier, pixels: Tensor) -> _Seen:
    seen = _Seen()
    with ExitStack() as hooks:
        for path, part in classifier.vision.named_modules():
            if isinstance(part, torch.jit.ScriptModule):
                continue  # it takes no hooks, and its attention is not called from here
            hooks.enter_context(hooked(part, _enter(seen, path), _leave(seen)))
        hooks.enter_context(listening(seen.answer))
        seen.logits = try_out(classifier, pixels)
    return seen


def _enter(seen: _Seen, path: str) -> Callable[..., None]:
    return lambda *_: seen.stack.append(path)


def _leave(seen: _Seen) -> Callable[..., None]:
    def leave(part: nn.Module, _: object, output: object) -> None:
        seen.stack.pop()
        if isinstance(part, nn.Conv2d) and isinstance(output, Tensor) and not seen.calls:
            seen.maps.append((output.shape[-2], output.shape[-1]))

    return leave


def _tokens(seen: _Seen, name: str) -> int:
    own = [call for call in seen.calls if call[2] == call[3] and call[2] > 1]
    if not own:
        raise UntraceableError(NO_ATTENTION.format(name=name))
    lengths = {queries for _, _, queries, _ in own}
    if len(lengths) > 1:
        why = f"its self-attentions see {', '.join(map(str, sorted(lengths)))} tokens"
        raise UntraceableError(NOT_ISOTROPIC.format(name=name, why=why))
    if any(batch != 1 for _, batch, _, _ in own):
        why = "it attends within windows of the picture"
        raise UntraceableError(NOT_ISOTROPIC.format(name=name, why=why))
    return lengths.pop()


def _blocks(tower: nn.Module, paths: list[str]) -> tuple[str, ...]:
    """The modules that repeat: children of what all self-attentions have in common."""
    split = [path.split(".") for path in paths]
    depth = 0
    while all(len(path) > depth for path in split) and len({path[depth] for path in split}) == 1:
        depth += 1
    if len(set(paths)) == 1:  # a single block: the child of the innermost list of modules
        depths = range(len(split[0]))
        lists = [d for d in depths if _is_list(tower.get_submodule(".".join(split[0][:d])))]
        depth = lists[-1] if lists else depth - 1
    return tuple(dict.fromkeys(".".join(path[: depth + 1]) for path in split))


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList | nn.Sequential)


class _Enough(Exception):  # noqa: N818 - not an error: ends a pass that has shown what was asked
    pass


def _entry(
    classifier: Classifier, pixels: Tensor, block: str, tokens: int
) -> tuple[tuple[Tensor, Tensor], int]:
    """The tokens that enter the first block, for the picture and for its negative."""
    module = classifier.vision.get_submodule(block)
    found: list[Tensor] = []

    def stop(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        tensor = first_tensor(args, kwargs)
        if tensor is not None:
            found.append(tensor.detach().clone())
        raise _Enough

    with hooked(module, before=stop):
        for picture in (pixels, _negative(pixels)):
            with suppress(_Enough):
                classifier.predict(picture)
    dims = [d for d, n in enumerate(found[0].shape[:-1]) if n == tokens] if found else []
    if not dims or found[0].ndim != 3:
        raise UntraceableError(
            f"{classifier.name}: block {block!r} does not take a sequence of {tokens} tokens; "
            f"this architecture cannot be traced. {INSTEAD}"
        )
    return (found[0], found[1]), dims[-1]


def _negative(pixels: Tensor) -> Tensor:
    # every patch must change, also those of a picture that is its own mirror or all zero
    ramp = torch.linspace(0.5, 1.5, pixels.shape[-1], device=pixels.device, dtype=pixels.dtype)
    return ramp - pixels


def _grid(
    seen: _Seen, entry: tuple[Tensor, Tensor], token_dim: int, pixels: Tensor, name: str
) -> Grid:
    """Rows and columns from the patch embedding; prefix tokens are those no picture changes."""
    changed = (entry[0] != entry[1]).movedim(token_dim, 0).flatten(1).any(1)
    tokens, patches = len(changed), int(changed.sum())
    prefix = tokens - patches
    if bool(changed[:prefix].any()):
        raise UntraceableError(f"{name}: its patch tokens do not come last in the sequence.")
    shapes = [shape for shape in seen.maps if shape[0] * shape[1] == patches]
    if shapes:
        return Grid(*shapes[-1], prefix)
    height, width = pixels.shape[-2:]
    rows = round(math.sqrt(patches * height / width))  # square patches
    if rows and patches % rows == 0 and rows * width == patches // rows * height:
        return Grid(rows, patches // rows, prefix)
    raise UntraceableError(
        f"{name}: {patches} patch tokens do not form a grid on a {width} x {height} input; "
        "give an input whose sides are multiples of the patch size."
    )


def _reads(classifier: Classifier, pixels: Tensor, block: str, token_dim: int) -> tuple[int, ...]:
    """Tokens of the last block's output at which the logits have a gradient."""
    leaves: list[Tensor] = []

    def cut(_: nn.Module, __: object, output: Any) -> Any:
        stream = first_tensor((output,) if isinstance(output, Tensor) else tuple(output), {})
        if stream is None:
            return None
        torch.set_grad_enabled(True)  # from here on; the caller's context ends it
        leaves.append(stream.detach().requires_grad_())
        if isinstance(output, Tensor):
            return leaves[0]
        return replace_first_tensor(tuple(output), leaves[0])

    with hooked(classifier.vision.get_submodule(block), after=cut), torch.no_grad():
        logits = classifier.predict(pixels)
        if not logits.requires_grad:
            raise UntraceableError(
                f"{classifier.name}: its logits do not depend on its last block."
            )
        # uneven weights: softmax-like heads may give a plain sum no gradient
        weights = torch.linspace(1.0, 2.0, logits.shape[-1], device=logits.device)
        with torch.enable_grad():
            total = (logits * weights).sum()
        (gradient,) = torch.autograd.grad(total, leaves)
    read = gradient.movedim(token_dim, 0).flatten(1).ne(0).any(1)
    if not bool(read.any()):
        raise UntraceableError(f"{classifier.name}: its logits do not depend on its last block.")
    return tuple(int(i) for i in read.nonzero().flatten())
