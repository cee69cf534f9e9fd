"""Functions of a target as columns of a classifier, behind its logits or in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as pytree

from ..errors import TargetError
from ..images import prepare_pictures
from ..targets import (
    Function,
    Item,
    Similarity,
    Target,
    cosine_to,
    embedding_of,
    function_for,
    values_of,
)
from ..tracing import evaluation_mode
from ..values import Classifier, Scalar
from .run import to_model

BESIDE: Final = Scalar("direction")


def of_embeddings(classifier: Classifier, items: Sequence[Item]) -> bool:
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


def function_of(classifier: Classifier, item: Any, of_output: bool) -> Function:
    """The function of a target that is not a class."""
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


def with_columns(
    classifier: Classifier, functions: Sequence[Function], of_output: bool
) -> Classifier:
    """The classifier with the values of functions behind its logits or in their place."""
    run = _run(classifier, of_output)
    columns = list(functions)
    if of_output:  # behind logits, the tokens that are read are known anyway
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
