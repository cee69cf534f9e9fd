"""From a target to a classifier that gives it: prompts encoded, functions as further columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as pytree

from .errors import ModelError, TargetError
from .families import Inputs, NoClassifier, NoLogitsError, inspect_output, with_output
from .images import prepare_pictures
from .targets import (
    Function,
    Item,
    Similarity,
    Target,
    Targets,
    cosine_to,
    embedding_of,
    function_for,
    parse,
    values_of,
)
from .tracing import evaluation_mode
from .values import Classifier, Scalar

BATCH_SIZE: Final = 8  # pictures in one pass
BESIDE: Final = Scalar("direction")


@dataclass(frozen=True)
class BoundTarget:
    """A target bound to a classifier and its pictures.

    `base` is the classifier without the target. The `items` that are no classes are computed by
    `functions`. They are functions of all that the module returns if `of_output` is set: it has no
    logits, or they are not what is explained.
    """

    base: Classifier
    targets: Targets
    items: tuple[Item, ...] = ()
    functions: tuple[Function, ...] = ()
    of_output: bool = False
    inputs: Inputs | None = None

    def classifier(self, picture: int = 0) -> Classifier:
        """The classifier for the pictures from this one on; with inputs, for this one alone."""
        one = self.base if self.inputs is None else self.inputs.bind(self.base, picture)
        return _with_columns(one, self.functions, self.of_output) if self.functions else one

    def described(self) -> Classifier:
        """The base with the names of the functions, for whoever names the answers."""
        names = () if self.of_output else self.base.class_names
        scalars = tuple(one.scalar for one in self.functions)
        return replace(self.base, scalars=scalars, class_names=names)

    def columns(
        self, logits: Float[Tensor, "batch class"], first: int = 0
    ) -> Int[Tensor, "batch target"]:
        """The columns of the targets of the pictures from `first` on. Raises TargetError."""
        some = self.targets.part(slice(first, first + len(logits)))
        names = () if self.of_output else class_names(self.base, logits.shape[-1])
        return some.columns(logits, names, self.items).to(logits.device)

    @cached_property
    def apart(self) -> tuple[BoundTarget, ...]:
        """One bound target for each function of the whole output: each may read other tokens."""
        return tuple(
            replace(
                self,
                base=replace(self.base, variant=object()),
                targets=replace(self.targets, rows=((item,),) * len(self.targets.rows)),
                items=(item,),
                functions=(function,),
            )
            for item, function in zip(self.items, self.functions, strict=True)
        )


def bind(
    classifier: Classifier,
    pixels: Float[Tensor, "batch channel height width"],
    target: Any,
    inputs: Any = None,
    batch_size: int = BATCH_SIZE,
) -> BoundTarget:
    """Bind a target, as `explain` takes it, to a classifier and its prepared pictures.

    A CLIP-like classifier without classes takes them from the prompts in the target. Functions and
    similarities become columns behind the logits; they are the only columns if the model gives no
    logits, or if a CLIP-like one is explained by its image embedding.

    Raises:
        TargetError: the target does not fit the model or the pictures.
        ModelError: the output holds no logits, or `inputs` do not fit.
    """
    targets = parse(target, len(pixels))
    if classifier.with_prompts and not classifier.class_names and not targets.without_classes:
        named = classifier.with_prompts(targets.prompts)
        classifier = replace(named, scores=classifier.scores)
    try:
        classifier, further = find_logits(classifier, pixels, inputs, batch_size)
    except NoLogitsError:
        if not targets.without_classes or classifier.output is None:
            raise
        headless = replace(classifier, predict=NoClassifier(classifier.name, "it gives no logits"))
        classifier, further = find_logits(headless, pixels, inputs, batch_size)
    items = targets.functions(classifier.class_names)
    if not items:
        return BoundTarget(classifier, targets, inputs=further)
    of_output = isinstance(classifier.predict, NoClassifier) or _of_embeddings(classifier, items)
    if of_output and not targets.without_classes:
        raise TargetError(
            f"this target of {classifier.name} is a function of its output, which has no classes: "
            "explain classes in another call."
        )
    functions = tuple(_function(classifier, one, of_output) for one in items)
    return BoundTarget(classifier, targets, items, functions, of_output, further)


def find_logits(
    classifier: Classifier, pixels: Tensor, inputs: Any = None, batch_size: int = BATCH_SIZE
) -> tuple[Classifier, Inputs | None]:
    """The classifier as its first output shows it to be, and what goes with each picture.

    Raises:
        ModelError: the output holds no logits, or `inputs` do not fit the pictures.
    """
    further = Inputs.of(classifier, inputs, len(pixels))
    with evaluation_mode(classifier.module):
        if further is None:
            return inspect_output(classifier, to_model(classifier, pixels[:1])), None
        first = to_model(classifier, pixels[:batch_size])
        found = inspect_output(further.bind(classifier, 0), first)
        assert classifier.output is not None, "else the inputs had been refused"
        found = with_output(found, classifier.output)
        further.prove(found, first)
    return replace(found, notes=(*found.notes, further.note())), further


def _of_embeddings(classifier: Classifier, items: Sequence[Item]) -> bool:
    """Whether the target is of a CLIP-like model's image embeddings. TargetError for a mixture."""
    if classifier.with_prompts is None:
        return False
    similar = [isinstance(one, Similarity) for one in items]
    if classifier.class_names and any(similar) and not all(similar):
        raise TargetError(
            f"a similarity compares the image embeddings of {classifier.name}, and the other "
            "targets are of its prompts: explain them in another call."
        )
    return any(similar) or not classifier.class_names


def _function(classifier: Classifier, item: Any, of_output: bool) -> Function:
    """The function of a target that is no class."""
    if isinstance(item, Similarity):
        return cosine_to(item, _reference(classifier, item, of_output))
    if of_output and not isinstance(item, Target):
        raise TargetError(f"{classifier.name} gives no logits, so it has no classes to explain.")
    return function_for(item, classifier.class_names)


def _reference(
    classifier: Classifier, similarity: Similarity, of_output: bool
) -> Float[Tensor, " dim"]:
    """The vector that pictures are compared with: given, or the model's of a picture."""
    other = _vector(similarity.other)
    if isinstance(other, Tensor) and other.ndim < 3:
        found = other.detach().reshape(1, -1) if other.ndim < 2 else other.detach()
    else:
        prepared = prepare_pictures(classifier, other)
        with evaluation_mode(classifier.module), torch.no_grad():
            output = _run(classifier, of_output)(to_model(classifier, prepared.pixels))
        found = embedding_of(output, similarity.of)
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


def _run(classifier: Classifier, of_output: bool) -> Any:
    return classifier.output if of_output else classifier.predict


def _with_columns(
    classifier: Classifier, functions: Sequence[Function], of_output: bool
) -> Classifier:
    """The classifier with the values of functions behind its logits, or alone."""
    run = _run(classifier, of_output)
    columns = list(functions)
    if of_output:  # behind the logits it is known anyway which tokens are read
        columns += [replace(f, compute=f.beside, scalar=BESIDE) for f in functions if f.beside]

    def predict(pixels: Tensor) -> Tensor:
        output = run(pixels)
        values = torch.stack([values_of(one, output) for one in columns], dim=1)
        if not of_output:
            return torch.cat([output, values.to(output)], dim=1)
        leaves = (leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor))
        return values.to(next(leaf for leaf in leaves if leaf.is_floating_point()))

    return replace(
        classifier,
        predict=predict,
        scalars=tuple(one.scalar for one in columns),
        class_names=() if of_output else classifier.class_names,
    )


def class_names(classifier: Classifier, classes: int) -> tuple[str, ...]:
    """The class names; ModelError if there are not as many as classes."""
    names = classifier.class_names
    if names and len(names) != classes:
        raise ModelError(
            f"{classifier.name} has {classes} classes, but {len(names)} class names were given."
        )
    return names


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
