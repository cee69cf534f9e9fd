"""Find out, from one pass over one picture, all that tracing must know of a model.

Nothing is asked of the user and no module name is known in advance: blocks are where
self-attention happens, patch tokens are those that change with the picture, read tokens are
those at which the logits have a gradient. Every replay proves the result again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import hook, undoing
from ..values import AttentionCall, Classifier, Grid, Layout
from .attention import listen
from .connections import connections
from .hooks import LayoutMismatchError, first_tensor
from .quantised import QUANTISED, has_quantised_layers
from .record import try_out
from .written import WrittenOut

# a test holds the names to the table of methods, which this room may not import
INSTEAD = (
    "Methods that only ask the model work for it too: integrated_gradients, occlusion, rise, "
    "saliency, smooth_grad."
)
NO_ATTENTION = (
    "{name}: no attention was found in it, neither torch's scaled_dot_product_attention nor a "
    "softmax over tokens and its product with values, so there is nothing to trace: it is a "
    "convolutional or hierarchical model, or a library of its own computes its attention. "
    + INSTEAD
)
CHANGED = (
    "{name} changes its attention between the softmax and the product with values (talking heads, "
    "differential attention), which agcam does not follow. " + INSTEAD
)
NO_GRADIENT = (
    "{name}: its logits have no gradient at the tokens of its last block (quantized layers, "
    "numpy or inference mode inside, or a head that does not read the blocks). " + INSTEAD
)
NOT_ONE_PASS = (
    "{name}: its blocks do not form one chain (a tower that is called twice, two towers, or tokens "
    "that are detached between blocks), so where on the picture its attentions lie is not known. "
    + INSTEAD
)
BRANCHES = "its classifier reads the tokens of several blocks"
STEERED = "it looks at numbers to choose its way, so that each picture may have its own"
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
        self.calls: list[_Call] = []
        self.scores: list[Tensor] = []  # of the attentions that are written out
        self.maps: list[tuple[int, int]] = []
        self.logits = torch.empty(0)
        self.written: WrittenOut | None = None

    @property
    def by_name(self) -> bool:
        """Whether torch's attention is called by a name that a model gave it."""
        return self.written is not None and self.written.by_name > 0

    def answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        queries, keys = call.query.shape[-2], call.value.shape[-2]
        where, batch = self.stack[-1] if self.stack else "", call.query.shape[0]
        self.calls.append(_Call(where, batch, queries, keys, call.key is None))
        if call.key is None:
            self.scores.append(call.query)
        return as_torch()


class _Call(NamedTuple):
    where: str
    batch: int
    queries: int
    keys: int
    written_out: bool


def survey(classifier: Classifier, pixels: Tensor) -> tuple[Layout, Tensor]:
    """Lay out a classifier for inputs of the size of `pixels` (1 channel height width).

    Raises UntraceableError, naming the reason, for models that are not isotropic ViT classifiers,
    and ModelError for those that do not run.
    """
    tower, name = classifier.vision, classifier.name
    if has_quantised_layers(classifier.module):
        raise UntraceableError(QUANTISED.format(name=name))
    seen = _watch(classifier, pixels)
    tokens = _tokens(seen, name)
    own = [call.queries == call.keys == tokens for call in seen.calls]
    both = list(zip(seen.calls, own, strict=True))
    written_out = any(call.written_out for call, is_own in both if is_own) or seen.by_name
    heard = [(call, is_own) for call, is_own in both if written_out or not call.written_out]
    blocks = _blocks(tower, [call.where for call, is_own in heard if is_own])
    entry, token_dim = _entry(classifier, pixels, blocks[0], tokens)
    grid = _grid(seen, entry, token_dim, pixels, name)
    calls = tuple(is_own for _, is_own in heard)
    draft = Layout(grid, calls, blocks, (), grid.tokens, token_dim, written_out=written_out)
    if seen.written is not None and seen.written.folded:
        draft = replace(draft, heads_first=_heads_first(classifier, pixels, seen))
    return _connect(classifier, pixels, draft), seen.logits


def _heads_first(classifier: Classifier, pixels: Tensor, seen: _Seen) -> bool:
    """Whether heads and pictures share an axis on which a head's pictures lie side by side.

    Then what we take for a picture's heads belongs to several pictures.
    """
    both = _watch(classifier, torch.cat([pixels, _negative(pixels)]))
    pairs = zip(seen.scores, both.scores, strict=True)
    return not all(torch.allclose(one[0], two[0], rtol=1e-3, atol=1e-5) for one, two in pairs)


def _connect(classifier: Classifier, pixels: Tensor, draft: Layout) -> Layout:
    """The layout with what the logits depend on, and whether a replay follows all of it."""
    name, grid = classifier.name, draft.grid
    try:
        found = connections(classifier, pixels, draft)
    except (LayoutMismatchError, RuntimeError) as error:
        if isinstance(error, torch.cuda.OutOfMemoryError):
            raise
        raise UntraceableError(NO_GRADIENT.format(name=name)) from error
    if not found.chained:
        raise UntraceableError(NOT_ONE_PASS.format(name=name))
    few = found.reads and max(found.reads) < grid.prefix and not found.any_token
    draft = replace(draft, reads=found.reads, branches=found.branches or found.steered)
    if found.branches or found.steered:
        return replace(draft, tracer="full", why=BRANCHES if found.branches else STEERED)
    return replace(draft, kept=max(found.reads) + 1 if few else grid.tokens)


def _watch(classifier: Classifier, pixels: Tensor) -> _Seen:
    seen = _Seen()
    with undoing() as undo:
        for path, part in classifier.vision.named_modules():
            if isinstance(part, torch.jit.ScriptModule):
                continue  # it takes no hooks, and its attention is not called from here
            hook(undo, part, _enter(seen, path), _leave(seen))
        seen.written = listen(undo, seen.answer, len(pixels))
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
    own = [call for call in seen.calls if call.queries == call.keys > 1]
    written = seen.written
    loose = written.softmaxes - written.products if written is not None else 0
    if not own:
        raise UntraceableError((CHANGED if loose > 0 else NO_ATTENTION).format(name=name))
    before = seen.calls[: len(seen.calls) - seen.calls[::-1].index(own[-1])]
    pooled = [call for call in before if call not in own and min(call.queries, call.keys) > 1]
    if pooled:
        why = f"{pooled[0].queries} tokens of it attend to {pooled[0].keys} others"
        raise UntraceableError(NOT_ISOTROPIC.format(name=name, why=why))
    lengths = {call.queries for call in own}
    if len(lengths) > 1:
        why = f"its self-attentions see {', '.join(map(str, sorted(lengths)))} tokens"
        raise UntraceableError(NOT_ISOTROPIC.format(name=name, why=why))
    if any(call.batch != 1 for call in own):
        why = "it attends within windows of the picture"
        raise UntraceableError(NOT_ISOTROPIC.format(name=name, why=why))
    if loose > 0:
        raise UntraceableError(CHANGED.format(name=name))
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

    with undoing() as undo:
        hook(undo, module, before=stop)
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
    prefix = int(changed.int().argmax())
    suffix = tokens - patches - prefix
    if not bool(changed[prefix : prefix + patches].all()):
        raise UntraceableError(
            f"{name}: its patch tokens do not lie side by side in the sequence. {INSTEAD}"
        )
    shapes = [shape for shape in seen.maps if shape[0] * shape[1] == patches]
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
