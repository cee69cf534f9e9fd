"""Targets that are not classes, as functions of what the model gives."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as pytree

from ..errors import ModelError, TargetError
from ..values import Scalar, name_of
from .classes import as_class, index_of
from .kinds import Against, Similarity, Target
from .parse import NOT


@dataclass(frozen=True)
class Function:
    """A target that is not a class, ready to be computed: its name, and a function of the output.

    `beside` is another function of the same numbers, which has a gradient where the first is at
    its limit: it shows which tokens both read.
    """

    scalar: Scalar
    compute: Callable[[Any], Tensor]
    beside: Callable[[Any], Tensor] | None = None


def function_for(target: Target | Against | str, names: Sequence[str]) -> Function:
    """The function of a target that is not a class. Raises TargetError."""
    if isinstance(target, Target):
        return Function(Scalar(_name_of_function(target)), target.function)
    if isinstance(target, Against):
        return _difference(target, names)
    side = _class(target.strip()[len(NOT) :].strip(), names)
    name = f"{NOT}{name_of(names, side)}"
    return Function(Scalar(name, side), lambda logits: -_logit(logits, side, names))


def _difference(target: Against, names: Sequence[str]) -> Function:
    first, second = _class(target.target, names), _class(target.other, names)
    name = f"{name_of(names, first)} against {name_of(names, second)}"
    if first == second:
        raise TargetError(f"{name}: a class against itself has nothing to explain.")
    return Function(Scalar(name), lambda y: _logit(y, first, names) - _logit(y, second, names))


def _class(item: Any, names: Sequence[str]) -> int:
    """A class's number before the model has run, when only the names say how many there are."""
    plain = as_class(item.tolist() if hasattr(item, "tolist") else item)
    return index_of(plain, len(names) or 2**31, names)


def _logit(logits: Tensor, index: int, names: Sequence[str]) -> Tensor:
    classes = logits.shape[-1]
    if names and len(names) != classes:
        raise ModelError(f"this model has {classes} classes, but {len(names)} class names.")
    return logits[..., index_of(index, classes, names)]


def _name_of_function(target: Target) -> str:
    """Its name; of a lambda its source, if that can be found."""
    named = target.name or getattr(target.function, "__name__", type(target.function).__name__)
    return (_source(target.function) or "a function") if named == "<lambda>" else named


def _source(function: Any) -> str:
    """The source of a lambda, if it is the only one in its line."""
    code = function.__code__
    try:
        tree = ast.parse("".join(linecache.getlines(code.co_filename)))
    except (SyntaxError, ValueError):
        return ""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno
    ]
    return ast.unparse(found[0]) if len(found) == 1 else ""


def cosine_to(target: Similarity, reference: Float[Tensor, " dim"]) -> Function:
    """The cosine to a reference; beside it, to a direction that no picture has."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(len(reference), generator=generator, dtype=torch.float64)
    scalar = Scalar(_name_of_similarity(target), limit=1.0)
    return Function(scalar, _cosine(reference, target.of), _cosine(direction, target.of))


def _name_of_similarity(target: Similarity) -> str:
    """The name, by default from what pictures are compared with."""
    other = target.other
    path = other if isinstance(other, str | Path) else getattr(other, "filename", "")
    flat = isinstance(other, Tensor) and other.ndim < 3
    row = isinstance(other, list | tuple) or getattr(other, "ndim", 3) == 1
    kind = "an embedding" if flat or row else "another picture"
    return target.name or f"similarity to {Path(str(path)).name if path else kind}"


def _cosine(
    reference: Float[Tensor, " dim"], of: Callable[[Any], Tensor] | None
) -> Callable[[Any], Tensor]:
    """The cosine between a reference and what the model gives, as a function of its output."""
    unit = reference / reference.norm()

    def similarity(output: Any) -> Tensor:
        found = embedding_of(output, of)
        if found.shape[-1] != len(unit):
            raise TargetError(
                f"the similarity's reference has {len(unit)} numbers, but the model gives "
                f"{found.shape[-1]}: take the reference from the same model."
            )
        products: Tensor = found @ unit.to(found)[:, None]  # a product that tapes have a rule for
        cosines: Tensor = products[:, 0] / found.norm(dim=-1)
        return cosines

    return similarity


def embedding_of(output: Any, of: Callable[[Any], Tensor] | None) -> Float[Tensor, "batch dim"]:
    """The one vector per picture in what a model gives. Raises TargetError."""
    found = output if of is None else of(output)
    if not isinstance(found, Tensor):
        leaves = [leaf for leaf in pytree.tree_leaves(found) if isinstance(leaf, Tensor)]
        vectors = [leaf for leaf in leaves if leaf.ndim == 2]
        found = vectors[0] if len(vectors) == 1 else found
    if not isinstance(found, Tensor) or found.ndim != 2:
        gives = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise TargetError(
            f"a similarity compares vectors (batch, dim), but the model gives {gives}: pick one, "
            "as in agcam.Similarity(other, of=lambda y: y.last_hidden_state[:, 0])."
        )
    return found
