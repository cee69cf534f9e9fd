"""From a target to a classifier that answers it: prompts encoded, functions as further columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from . import targets
from .errors import ModelError, TargetError
from .families import Inputs, NoClassifier, NoLogitsError, inspect_output, with_output
from .images import prepare_pictures
from .targets import Bound, Column, Free, Similarity, Target
from .tracing import evaluation_mode
from .values import Classifier, Scalar

AT_ONCE: Final = 8  # pictures in one pass
BESIDE: Final = Scalar("direction")


@dataclass(frozen=True)
class BoundTarget:
    """A target put to a model: in columns of what it gives, and what goes with each picture.

    `whole` is whether the targets are functions of all that the module returns, for it has no
    logits (or they are not what is asked about).
    """

    asked: Classifier
    target: Any
    functions: tuple[Bound, ...] = ()
    whole: bool = False
    inputs: Inputs | None = None

    def classifier(self, picture: int = 0) -> Classifier:
        """What answers for the pictures from this one on; with inputs, for this one alone."""
        one = self.asked if self.inputs is None else self.inputs.bind(self.asked, picture)
        return _with_columns(one, self.functions, self.whole) if self.functions else one

    def described(self) -> Classifier:
        """The classifier as it is told of: with the names of what was asked beside its classes."""
        names = () if self.whole else self.asked.class_names
        scalars = tuple(one.scalar for one in self.functions)
        return replace(self.asked, scalars=scalars, class_names=names)

    @cached_property
    def alone(self) -> tuple[BoundTarget, ...]:
        """One question for each function of the whole output, for each may read other tokens."""
        every = []
        for one in self.functions:
            asked = replace(self.asked, variant=object())
            every.append(replace(self, asked=asked, target=Column(0), functions=(one,)))
        return tuple(every)


def bind(
    classifier: Classifier,
    pixels: Tensor,
    target: Any,
    inputs: Any = None,
    at_once: int = AT_ONCE,
) -> BoundTarget:
    """Make ready to ask `target` of pictures (batch, channel, height, width).

    A CLIP-like classifier without classes takes them from the prompts in the target. Functions and
    similarities become columns behind the logits; where the model gives no logits (or similarities
    are asked of a CLIP-like one) there are no others. Raises TargetError, ModelError.
    """
    without = targets.without_classes(target)
    if classifier.with_prompts is not None and not classifier.class_names and not without:
        named = classifier.with_prompts(targets.prompts_of(target))
        classifier = replace(named, scores=classifier.scores)
    try:
        classifier, further = find_logits(classifier, pixels, inputs, at_once)
        whole = isinstance(classifier.predict, NoClassifier)
    except NoLogitsError:
        if not without or classifier.output is None:
            raise
        without_logits = replace(
            classifier, predict=NoClassifier(classifier.name, "it gives no logits")
        )
        classifier, further = find_logits(without_logits, pixels, inputs, at_once)
        whole = True
    read, free = targets.read(target, len(pixels), classifier.class_names)
    if not free:
        return BoundTarget(classifier, target, inputs=further)
    whole = whole or _is_whole(classifier, free)
    if whole and not without:
        raise TargetError(
            f"{classifier.name} is asked for its output here, which has no classes: ask for "
            "classes in another call."
        )
    bound = tuple(_bound(classifier, one, whole) for one in free)
    return BoundTarget(classifier, read, bound, whole, further)


def find_logits(
    classifier: Classifier, pixels: Tensor, inputs: Any = None, at_once: int = AT_ONCE
) -> tuple[Classifier, Inputs | None]:
    """The classifier as its first output shows it to be, and what goes with each picture.

    Raises ModelError where the output holds no logits, or where `inputs` do not fit the pictures.
    """
    further = Inputs.of(classifier, inputs, len(pixels))
    with evaluation_mode(classifier.module):
        if further is None:
            return inspect_output(classifier, to_model(classifier, pixels[:1])), None
        first = to_model(classifier, pixels[:at_once])
        found = inspect_output(further.bind(classifier, 0), first)
        assert classifier.output is not None, "else the inputs had been refused"
        found = with_output(found, classifier.output)
        further.prove(found, first)
    return replace(found, notes=(*found.notes, further.note())), further


def _is_whole(classifier: Classifier, free: Sequence[Free]) -> bool:
    """Whether a CLIP-like model is asked about its image embeddings; TargetError for a mixture."""
    if classifier.with_prompts is None:
        return False
    similar = [isinstance(one, Similarity) for one in free]
    if classifier.class_names and any(similar) and not all(similar):
        raise TargetError(
            f"a similarity is one of {classifier.name}'s image embeddings, and other targets "
            "are of its prompts: ask for them in another call."
        )
    return any(similar) or not classifier.class_names


def _bound(classifier: Classifier, free: Free, whole: bool) -> Bound:
    """A target that is no class as a function of what the model gives."""
    if isinstance(free, Similarity):
        return targets.bind_similarity(free, _reference(classifier, free, whole))
    if whole and not isinstance(free, Target):
        raise TargetError(f"{classifier.name} gives no logits, so it has no classes to ask for.")
    return targets.bind(free, classifier.class_names)


def _reference(classifier: Classifier, similarity: Similarity, whole: bool) -> Tensor:
    """The vector that pictures are compared with: given, or the model's of a picture."""
    other = _vector(similarity.other)
    if isinstance(other, Tensor) and other.ndim < 3:
        found = other.detach().reshape(1, -1) if other.ndim < 2 else other.detach()
    else:
        prepared = prepare_pictures(classifier, other)
        with evaluation_mode(classifier.module), torch.no_grad():
            output = _run(classifier, whole)(to_model(classifier, prepared.pixels))
        found = targets.embedding_of(output, similarity.of)
    if len(found) != 1:
        raise TargetError(
            f"a similarity is to one picture or embedding, not {len(found)}: give a list of "
            "similarities for several."
        )
    if not found.is_floating_point() or not bool(torch.isfinite(found).all()) or not found.any():
        raise TargetError("the embedding to compare with holds NaN, or is all zero.")
    return found[0]


def _vector(other: Any) -> Any:
    """A row of numbers as a tensor, which is an embedding; all else is a picture."""
    if isinstance(other, list | tuple) and other and all(isinstance(x, int | float) for x in other):
        return torch.tensor(other, dtype=torch.float64)
    numbers = isinstance(other, np.ndarray) and other.ndim == 1 and other.dtype.kind == "f"
    return torch.from_numpy(np.ascontiguousarray(other)) if numbers else other


def _run(classifier: Classifier, whole: bool) -> Any:
    return classifier.output if whole else classifier.predict


def _with_columns(classifier: Classifier, bound: Sequence[Bound], whole: bool) -> Classifier:
    """The classifier with the scalars' values behind its logits, or alone."""
    run = _run(classifier, whole)
    if whole:  # behind the logits it is known anyway which tokens are read
        every = [replace(one, function=one.beside, scalar=BESIDE) for one in bound if one.beside]
        bound = [*bound, *every]

    def predict(pixels: Tensor) -> Tensor:
        output = run(pixels)
        values = torch.stack([targets.values_of(one, output) for one in bound], dim=1)
        if not whole:
            return torch.cat([output, values.to(output)], dim=1)
        leaves = (leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor))
        return values.to(next(leaf for leaf in leaves if leaf.is_floating_point()))

    return replace(
        classifier,
        predict=predict,
        scalars=tuple(one.scalar for one in bound),
        class_names=() if whole else classifier.class_names,
    )


def to_model(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Pixels where, and in the precision in which, the model's weights are."""
    weights = list(classifier.module.parameters())
    weight = next((some for some in weights if some.is_floating_point()), None)
    if weight is None:
        return pixels.clone()
    if any(some.is_meta for some in weights):
        raise ModelError(
            f"{classifier.name} has weights on the meta device, shapes without numbers: load them "
            "first (to_empty and load_state_dict, or without device_map)."
        )
    if weight.is_inference():
        raise ModelError(
            f"{classifier.name} was made inside torch.inference_mode(), so torch cannot "
            "differentiate through it; make or load it outside."
        )
    moved = pixels.to(weight.device, weight.dtype)
    return moved.clone() if moved.is_inference() else moved
