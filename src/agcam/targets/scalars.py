"""Targets that are no class: any number that can be computed from what the model gives."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils import _pytree as pytree

from ..errors import AgcamError, TargetError
from ..own_operations import own_operations
from ..values import Scalar


@dataclass(frozen=True)
class Target:
    """A function of what the model gives, as a target, with a name for tables and files.

    `function` is given the output for one picture at a time: the logits (1, class), or all that
    the module returns where it has no classifier. It returns one number, a tensor () or (1,). A
    bare function is a target too; this gives it a name.
    """

    function: Callable[[Any], Tensor]
    name: str = ""


@dataclass(frozen=True)
class Against:
    """A class against another: the difference of their logits; each a number, name or prompt."""

    target: str | int
    other: str | int


@dataclass(frozen=True, eq=False)  # an array has no plain equality
class Similarity:
    """How alike the model finds each picture to `other`: the cosine between its outputs.

    `other` is one picture, as `explain` takes it, or an embedding (dim,): a tensor, array or list.
    Compared is the image embedding of a CLIP-like model, what a model without a classifier gives,
    else the logits. Where that is more than one vector, `of` says which: `of=lambda y:
    y.last_hidden_state[:, 0]`.
    """

    other: Any
    of: Callable[[Any], Tensor] | None = None
    name: str = ""


@dataclass(frozen=True)
class Bound:
    """A target that is no class, ready to be computed: its name, and a function of the output.

    `beside` is another function of the same numbers, which has a gradient where the first is at
    its limit: it shows which tokens both read.
    """

    scalar: Scalar
    function: Callable[[Any], Tensor]
    beside: Callable[[Any], Tensor] | None = None


def is_scalar(item: object) -> bool:
    """Whether a target is no class, but a number computed from the output."""
    return isinstance(item, Target | Against | Similarity) or callable(item)


def name_of_function(target: Target) -> str:
    """Its name; of a lambda, how it is written, where its source can be found."""
    named = target.name or getattr(target.function, "__name__", type(target.function).__name__)
    return (_written(target.function) or "a function") if named == "<lambda>" else named


def _written(function: Any) -> str:
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


def _name_of_similarity(target: Similarity) -> str:
    """A name that says what a picture is compared with."""
    other = target.other
    path = other if isinstance(other, str | Path) else getattr(other, "filename", "")
    alone = Path(str(path)).name if path else _kind_of(other)
    return target.name or f"similarity to {alone}"


def _kind_of(other: Any) -> str:
    """What pictures are compared with, where it has no name of its own."""
    flat = getattr(other, "ndim", 3) < 3 if isinstance(other, Tensor) else False
    row = isinstance(other, list | tuple) or getattr(other, "ndim", 3) == 1
    return "an embedding" if flat or row else "another picture"


def bind_similarity(target: Similarity, reference: Float[Tensor, " dim"]) -> Bound:
    """The cosine to a reference, and to a direction that no picture has."""
    generator = torch.Generator().manual_seed(0)
    direction = torch.randn(len(reference), generator=generator, dtype=torch.float64)
    scalar = Scalar(_name_of_similarity(target), limit=1.0)
    return Bound(scalar, _cosine(reference, target.of), _cosine(direction, target.of))


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
    """The one vector a picture in what a model gives. Raises TargetError."""
    found = output if of is None else of(output)
    if not isinstance(found, Tensor):
        leaves = [leaf for leaf in pytree.tree_leaves(found) if isinstance(leaf, Tensor)]
        vectors = [leaf for leaf in leaves if leaf.ndim == 2]
        found = vectors[0] if len(vectors) == 1 else found
    if not isinstance(found, Tensor) or found.ndim != 2:
        gives = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise TargetError(
            f"a similarity compares vectors (batch, dim), and the model gives {gives}: say which, "
            "as in agcam.Similarity(other, of=lambda y: y.last_hidden_state[:, 0])."
        )
    return found


def values_of(bound: Bound, output: Any) -> Float[Tensor, " batch"]:
    """The scalar of every picture in an output, each computed from its own part alone.

    Raises TargetError, naming the target, where the function fails or gives no finite number.
    """
    leaves = [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    values = torch.cat([_one(bound, part) for part in _each_picture(output, leaves)])
    if all(map(_finite, leaves)) and not _finite(values):
        raise TargetError(f"the target {bound.scalar.name!r} gives NaN or an infinite value.")
    follows = any(leaf.requires_grad for leaf in leaves)
    if torch.is_grad_enabled() and follows and not values.requires_grad:
        raise TargetError(
            f"the target {bound.scalar.name!r} has no gradient: it does not depend on the model's "
            "output, or by way of numbers (.item(), argmax, numpy); compute it with torch."
        )
    return values


def _finite(tensor: Tensor) -> bool:
    with own_operations():  # a look at numbers that is none of the model's
        return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def _each_picture(output: Any, leaves: Sequence[Tensor]) -> Iterator[Any]:
    """The output for one picture after another, in the form that it has."""
    sizes = [len(leaf) for leaf in leaves if leaf.ndim]
    if not sizes:
        raise TargetError("the model gives no tensor for a target to be computed from.")
    batch = sizes[0]
    strange = [
        leaf
        for leaf in pytree.tree_leaves(output)
        if not isinstance(leaf, Tensor | int | float | str | None)
    ]
    if batch > 1 and strange:
        raise TargetError(
            f"a {type(strange[0]).__name__} in what the model gives cannot be cut to single "
            "pictures; explain one picture at a time (batch_size=1)."
        )

    def cut(leaf: Any, place: int) -> Any:
        whole = not isinstance(leaf, Tensor) or not leaf.ndim or len(leaf) != batch
        return leaf if whole else leaf[place : place + 1]

    if batch == 1:
        yield output
        return
    for place in range(batch):
        yield pytree.tree_map(lambda leaf, place=place: cut(leaf, place), output)


def _one(bound: Bound, output: Any) -> Float[Tensor, "1"]:
    name, before = bound.scalar.name, _changes(output)
    try:
        value = bound.function(output)
    except (AgcamError, torch.cuda.OutOfMemoryError):
        raise
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise TargetError(
            f"the target {name!r} raised {type(error).__name__}: {first}; it is given "
            f"{_shape(output)}, one picture's output."
        ) from error
    if _changes(output) != before:
        raise TargetError(
            f"the target {name!r} changes what the model gave, in place; compute it without, as "
            "y.add(1) instead of y.add_(1)."
        )
    if not isinstance(value, Tensor) or value.numel() != 1 or value.ndim > 1:
        raise TargetError(
            f"the target {name!r} gives {_shape(value)} for {_shape(output)}; it must give one "
            "number a picture, as lambda y: y[..., 3] - y[..., 5] does."
        )
    if not value.is_floating_point():
        raise TargetError(f"the target {name!r} gives {value.dtype}, which has no gradient.")
    return value.reshape(1)


def _changes(output: Any) -> list[int]:
    """How often each tensor of an output was changed in place; inference tensors count nothing."""
    leaves = [leaf for leaf in pytree.tree_leaves(output) if isinstance(leaf, Tensor)]
    return [leaf._version for leaf in leaves if not leaf.is_inference()]


def _shape(value: Any) -> str:
    return f"{tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
