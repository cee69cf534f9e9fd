"""Logits in whatever a model gives: a tensor, a tuple, a dictionary, a dataclass, nested."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..errors import ModelError
from .libraries import few

NO_LOGITS: Final = re.compile(
    r"loss.*|aux.*|.*hidden.*|attentions?|pooler_output|.*feat(ure)?s?|.*embed(ding|s|dings)?", re.I
)
"""Names under which models return what are not logits."""
DEEPEST: Final = 4
INSTEAD: Final = (
    "give it a head, load a variant that has one, or name a target that is a function of its "
    "output: target=lambda y: y[..., 0]"
)


class NoLogitsError(ModelError):
    """An output holds no logits, or several tensors that may be."""


@dataclass(frozen=True)
class Predict:
    """Logits (batch, class) of prepared pixels: the module's output, and where in it they are.

    `where` None: they are found again in each output.
    """

    output: Callable[..., Any]
    name: str
    where: Callable[[Any], Any] | None = None

    def __call__(self, pixels: Tensor) -> Tensor:
        """Run the module; NoLogitsError where it gives no logits."""
        return self.logits(self.output(pixels), len(pixels))

    def logits(self, output: Any, batch: int) -> Tensor:
        """The logits (batch, class) in an output; NoLogitsError where it has none."""
        if self.where is None:
            return as_logits(find(output, self.name).tensor, self.name, batch)
        try:
            found = self.where(output)
        except (LookupError, TypeError, AttributeError) as error:
            raise NoLogitsError(
                f"{self.name}: no logits where they were to be, in {_kind(output)} "
                f"({type(error).__name__}: {error})."
            ) from error
        return as_logits(found, self.name, batch)


@dataclass(frozen=True)
class NoClassifier:
    """Stands for `predict` where a model has no classifier: raises ModelError, and says why."""

    name: str
    why: str
    instead: str = INSTEAD

    def __call__(self, pixels: Tensor) -> Tensor:
        """Raise."""
        raise ModelError(
            f"{self.name} is a backbone without a classifier ({self.why}); {self.instead}."
        )


@dataclass(frozen=True)
class Leaf:
    """A tensor in an output: how to write it, from `y`, and the names on the way."""

    code: str
    names: tuple[str, ...]
    tensor: Tensor

    def __str__(self) -> str:
        return f"{self.code} {tuple(self.tensor.shape)}"


@dataclass(frozen=True)
class Place:
    """Takes the tensor at one place of an output, `code` from `y`; LookupError if there is none."""

    code: str

    def __call__(self, output: Any) -> Tensor:
        """The tensor there."""
        return {leaf.code: leaf.tensor for leaf in leaves(output)}[self.code]


def leaves(output: Any, code: str = "y", names: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Every tensor in an output, in order."""
    if isinstance(output, Tensor):
        yield Leaf(code, names, output)
    if isinstance(output, Tensor) or len(names) >= DEEPEST:
        return
    for step, name, value in _inside(output):
        yield from leaves(value, code + step, (*names, name))


def _inside(output: Any) -> Iterator[tuple[str, str, Any]]:
    """How each part is written, what it is called, and the part."""
    names = _attributes(output)
    if names:
        for name in names:
            yield f".{name}", name, getattr(output, name)
    elif isinstance(output, Mapping):
        for key, value in output.items():
            yield f"[{key!r}]".replace("'", '"'), str(key), value
    elif isinstance(output, tuple | list):
        for index, value in enumerate(output):
            yield f"[{index}]", "", value


def _attributes(output: Any) -> tuple[str, ...]:
    """Names of the parts of a dataclass, a named tuple or an object of one's own."""
    if dataclasses.is_dataclass(output):
        return tuple(field.name for field in dataclasses.fields(output))
    if isinstance(output, tuple):
        return tuple(getattr(output, "_fields", ()))
    if isinstance(output, Mapping | list | nn.Module):
        return ()
    return tuple(vars(output)) if hasattr(output, "__dict__") else ()


def _of_one_row(leaf: Leaf) -> Leaf:
    """Logits (batch, 1, class), as VideoPrism gives them, without that axis; others as they are."""
    named, shape = leaf.names[-1:] == ("logits",), leaf.tensor.shape
    if named and len(shape) == 3 and shape[1] == 1 < shape[2]:
        return Leaf(f"{leaf.code}[:, 0]", leaf.names, leaf.tensor[:, 0])
    return leaf


def find(output: Any, name: str) -> Leaf:
    """The one tensor that can be logits (batch, class); NoLogitsError where there is not just one.

    A tensor by itself is it, also (batch,), one logit per picture. Hidden states, losses and
    auxiliary heads are none; what is called `logits` comes before others.
    """
    if isinstance(output, Tensor):
        return Leaf("y", (), output)
    every = list(map(_of_one_row, leaves(output)))
    flat = [leaf for leaf in every if leaf.tensor.ndim == 2 and leaf.tensor.is_floating_point()]
    able = [leaf for leaf in flat if not any(map(NO_LOGITS.fullmatch, leaf.names))]
    named = [leaf for leaf in able if leaf.names[-1].casefold() == "logits"]
    for found in (named, able):
        if len(found) == 1:
            return found[0]
    raise NoLogitsError(f"{name} {_why_none(output, every, able)}")


def _why_none(output: Any, every: Sequence[Leaf], able: Sequence[Leaf]) -> str:
    """Why no tensor of an output is its logits, and the line that helps."""
    kind = _kind(output)
    if able:
        return (
            f"gives {len(able)} tensors that may be logits, y = {kind} with {few(able)}: say "
            f"which, agcam.load(model, logits=lambda y: {able[0].code})."
        )
    other = next((leaf for leaf in every if leaf.names[-1:] == ("logits",)), None)
    if other is not None:
        return (
            f"is not an image classifier: its {other} are not logits (batch, class); make logits "
            f"of them, agcam.load(model, logits=lambda y: {other.code}.flatten(2).mean(2)), or "
            f"name a target that is a function of them, target=lambda y: {other.code}[..., 0]."
        )
    if not every and output is not None:
        return (
            f"gives {kind}, in which there is no tensor: let its forward give the logits as torch "
            "computes them, before .numpy() or .tolist()."
        )
    code = every[0].code if every else "y"
    return (
        "is a backbone without a classifier: it gives no logits (batch, class), but y = "
        f"{kind} with {few(every) or 'no tensor'}; state where they are: agcam.load(model, "
        "logits=lambda y: ...), or name a target that is a function of it, "
        f"target=lambda y: {code}[..., 0]."
    )


def refuse_ranked(output: Any, name: str) -> None:
    """NoLogitsError for values that fall from column to column beside the numbers of their classes.

    It looks at numbers, so it is not part of a pass that is traced.
    """
    every = list(leaves(output))
    rows = [leaf for leaf in every if leaf.tensor.ndim == 2 and leaf.tensor.shape[1] > 1]
    numbers = [leaf.tensor for leaf in rows if leaf.tensor.dtype == torch.int64]
    apart = [some for some in numbers if bool((some.sort(1).values.diff(dim=1) > 0).all())]
    for leaf in rows if apart else ():
        values = leaf.tensor
        falls = values.is_floating_point() and bool((values.diff(dim=1) <= 0).all())
        if falls and any(some.shape == values.shape for some in apart):
            raise NoLogitsError(
                f"{name} gives the best classes in order ({leaf} beside their numbers), in which a "
                "column is not a class: let it give its logits, before topk or sort."
            )


def as_logits(tensor: Any, name: str, batch: int) -> Tensor:
    """The tensor as (batch, class); NoLogitsError where it is of another kind."""
    if not isinstance(tensor, Tensor):
        raise NoLogitsError(f"{name}: the logits are a tensor (batch, class), not {_kind(tensor)}.")
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise NoLogitsError(
            f"{name} gives numbers of type {kind}, as argmax or a threshold does: let it give the "
            "logits that they are made from."
        )
    if tensor.ndim < 2 and tensor.numel() == batch:
        return tensor.reshape(batch, 1)  # one logit per picture, squeezed
    if tensor.ndim < 2:
        raise NoLogitsError(
            f"{name} gives {tuple(tensor.shape)} for {batch} picture{'s' * (batch != 1)}, in "
            "which there is no batch: let it give (batch, class), with squeeze(-1) for squeeze()."
        )
    if tensor.ndim != 2 or not tensor.shape[1]:
        raise NoLogitsError(
            f"{name} gives {tuple(tensor.shape)} instead of logits (batch, class): it is a "
            f"backbone, an encoder without a classifier; {INSTEAD}."
        )
    return tensor


def _kind(output: Any) -> str:
    kind = type(output).__name__
    return kind if isinstance(output, tuple | list | dict) else f"a {kind}"
