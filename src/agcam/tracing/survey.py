"""Survey a model: find all that tracing must know of it, in two passes over one picture.

The user says nothing about the model, and no module name is known in advance. Blocks are where
self-attention happens, patch tokens are those that change with the picture, read tokens are those
at which the logits have a gradient. Every replay proves the result again.

    observe       an ordinary pass: attention calls, the modules around them, feature maps
    structure     blocks, tokens that enter them, the grid
    dependencies  a pass under autograd: what the logits are made of
    positions     where keys lie, in models whose attention is not over one sequence of tokens
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..values import Classifier, Layout
from .dependencies import find_dependencies
from .hooks import LayoutMismatchError
from .observe import Observation, observe
from .rows_apart import mark_rows_apart
from .several_grids import layout_of_every_call, same_places, several
from .single_token import mark_single_tokens
from .structure import find_blocks, find_grid, has_quantised_layers, negative, tokens_entering
from .untraceable import (
    BRANCHES,
    BYPASSED,
    CHANGED,
    MIXED,
    NO_GRADIENT,
    OUT_OF_ORDER,
    QUANTISED,
    RANKED,
    STEERED,
    TALKING,
    UNCHAINED,
    NotOneGridError,
    UntraceableError,
)


def survey(
    classifier: Classifier, pixels: Tensor, *, several_grids: bool = True
) -> tuple[Layout, Tensor]:
    """Find the layout for inputs of the size of `pixels` (1 channel height width), and the logits.

    Raises UntraceableError, naming the reason, for models without attention over positions of the
    picture, NotOneGridError for hierarchies unless `several_grids`, and ModelError for models that
    do not run.
    """
    if has_quantised_layers(classifier.module):
        raise UntraceableError(QUANTISED.format(name=classifier.name))
    seen = observe(classifier, pixels)
    mark_single_tokens(classifier, pixels, seen)
    mark_rows_apart(classifier, pixels, layout_of_every_call(seen), seen)
    try:
        return _one_grid(classifier, pixels, seen), seen.logits
    except NotOneGridError as error:
        if not several_grids:
            raise
        if seen.ranked:
            return _ranked(classifier, pixels, seen, str(error)), seen.logits
        return several(classifier, pixels, seen, str(error)), seen.logits


def _ranked(classifier: Classifier, pixels: Tensor, seen: Observation, why: str) -> Layout:
    """The layout where tokens are ranked, but stay in their places (a mixture of experts).

    A proof with one picture says nothing of another: what two show must be the same.
    """
    try:
        one, other = (several(classifier, pixels, seen, why, seed) for seed in (0, 1))
    except UntraceableError as error:
        raise UntraceableError(RANKED.format(name=classifier.name)) from error
    if not same_places(one, other):
        raise UntraceableError(RANKED.format(name=classifier.name))
    return one


def _one_grid(classifier: Classifier, pixels: Tensor, seen: Observation) -> Layout:
    """The layout of an isotropic Vision Transformer; NotOneGridError for other shapes."""
    tower, name = classifier.vision, classifier.name
    tokens = seen.token_count(name)
    own = [call.queries == call.keys == tokens for call in seen.calls]
    both = list(zip(seen.calls, own, strict=True))
    by_name = seen.explicit is not None and seen.explicit.by_name > 0
    explicit = by_name or any(call.explicit for call, is_own in both if is_own)
    captured = [(call, is_own) for call, is_own in both if explicit or not call.explicit]
    takers = {path for path, shape in seen.sequences.items() if tokens in shape}
    blocks = find_blocks(tower, [call.module for call, is_own in captured if is_own], takers)
    entry = tokens_entering(classifier, pixels, blocks[0], tokens)
    grid, token_dim = find_grid(entry, classifier.medium, seen.maps, name), entry.token_dim
    calls = tuple(is_own for _, is_own in captured)
    layout = Layout(grid, calls, blocks, (), grid.tokens, token_dim, explicit=explicit)
    if any(call.mixed for call, is_own in captured if is_own):
        layout = replace(layout, tracer="full", why=TALKING)
    if seen.explicit is not None and seen.explicit.folded:
        layout = replace(layout, heads_first=_heads_first(classifier, pixels, seen))
    return _with_dependencies(classifier, pixels, layout)


def _heads_first(classifier: Classifier, pixels: Tensor, seen: Observation) -> bool:
    """Whether heads and pictures share an axis on which a head's pictures lie side by side.

    Then what we take for a picture's heads belongs to several pictures.
    """
    both = observe(classifier, torch.cat([pixels, negative(pixels)]))
    pairs = zip(seen.explicit_scores, both.explicit_scores, strict=True)
    return not all(torch.allclose(one[0], two[0], rtol=1e-3, atol=1e-5) for one, two in pairs)


def _with_dependencies(classifier: Classifier, pixels: Tensor, layout: Layout) -> Layout:
    """The layout with the tokens that the logits depend on, and whether a replay follows them."""
    name = classifier.name
    try:
        found = find_dependencies(classifier, pixels, layout)
    except torch.cuda.OutOfMemoryError:
        raise
    except (LayoutMismatchError, RuntimeError) as error:
        raise UntraceableError(NO_GRADIENT.format(name=name)) from error
    if not found.in_order:  # tokens that are shifted or shuffled in front of it, or channels
        raise NotOneGridError(OUT_OF_ORDER)
    if not found.only_mixes:
        raise UntraceableError(CHANGED.format(name=name))
    if not found.chained:  # a tower that is called twice, two towers
        raise NotOneGridError(UNCHAINED)
    if not found.in_place:
        raise NotOneGridError("its tokens change places between its blocks")
    branches = found.branches or found.steered
    layout = replace(layout, reads=found.reads, branches=branches, bypassed=found.bypassed)
    if branches or found.mixed:
        around = BYPASSED if found.bypassed else BRANCHES if found.branches else STEERED
        return replace(layout, tracer="full", why=around if branches else MIXED)
    return layout if layout.tracer == "full" else replace(layout, kept=found.kept)
