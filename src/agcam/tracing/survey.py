"""Find out, from one pass over one picture, all that tracing must know of a model.

Nothing is asked of the user and no module name is known in advance: blocks are where
self-attention happens, patch tokens are those that change with the picture, read tokens are
those at which the logits have a gradient. Every replay proves the result again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..undo import hook, undoing
from ..values import AttentionCall, Classifier, Layout
from .attention import capture_attention
from .connections import connections
from .explicit import ExplicitAttention
from .hooks import LayoutMismatchError, first_tensor
from .quantised import QUANTISED, has_quantised_layers
from .record import try_out
from .structure import blocks_around, grid_of, negative, tokens_entering
from .untraceable import (
    BRANCHES,
    BYPASSED,
    CHANGED,
    NO_ATTENTION,
    NO_GRADIENT,
    NOT_ISOTROPIC,
    NOT_ONE_PASS,
    STEERED,
    UntraceableError,
)


class _Seen:
    """What one pass showed: the calls with the modules around them, and the feature maps."""

    def __init__(self) -> None:
        self.stack: list[str] = []
        self.calls: list[_Call] = []
        self.scores: list[Tensor] = []  # of the attentions that are written out
        self.maps: list[tuple[int, int]] = []
        self.sequences: dict[str, tuple[int, ...]] = {}  # what modules were given, but for dim
        self.logits = torch.empty(0)
        self.written: ExplicitAttention | None = None

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
    explicit: bool


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
    explicit = any(call.explicit for call, is_own in both if is_own) or seen.by_name
    heard = [(call, is_own) for call, is_own in both if explicit or not call.explicit]
    takers = {path for path, shape in seen.sequences.items() if tokens in shape}
    blocks = blocks_around(tower, [call.where for call, is_own in heard if is_own], takers)
    entry, token_dim = tokens_entering(classifier, pixels, blocks[0], tokens)
    grid = grid_of(seen.maps, entry, token_dim, pixels, name)
    calls = tuple(is_own for _, is_own in heard)
    draft = Layout(grid, calls, blocks, (), grid.tokens, token_dim, explicit=explicit)
    if seen.written is not None and seen.written.folded:
        draft = replace(draft, heads_first=_heads_first(classifier, pixels, seen))
    return _connect(classifier, pixels, draft), seen.logits


def _heads_first(classifier: Classifier, pixels: Tensor, seen: _Seen) -> bool:
    """Whether heads and pictures share an axis on which a head's pictures lie side by side.

    Then what we take for a picture's heads belongs to several pictures.
    """
    both = _watch(classifier, torch.cat([pixels, negative(pixels)]))
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
    branches = found.branches or found.steered
    draft = replace(draft, reads=found.reads, branches=branches, bypassed=found.bypassed)
    if branches:
        why = BYPASSED if found.bypassed else BRANCHES if found.branches else STEERED
        return replace(draft, tracer="full", why=why)
    return replace(draft, kept=max(found.reads) + 1 if few else grid.tokens)


def _watch(classifier: Classifier, pixels: Tensor) -> _Seen:
    seen = _Seen()
    with undoing() as undo:
        for path, part in classifier.vision.named_modules():
            if isinstance(part, torch.jit.ScriptModule):
                continue  # it takes no hooks, and its attention is not called from here
            hook(undo, part, _enter(seen, path), _leave(seen))
        seen.written = capture_attention(undo, seen.answer, len(pixels))
        seen.logits = try_out(classifier, pixels)
    return seen


def _enter(seen: _Seen, path: str) -> Callable[..., None]:
    def enter(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen.stack.append(path)
        tensor = first_tensor(args, kwargs)
        if tensor is not None and tensor.ndim == 3:
            seen.sequences.setdefault(path, tuple(tensor.shape[:-1]))

    return enter


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
