"""Products of attention and values: which axis is which, and the way to our axes and back."""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

_MATMUL: Final = frozenset(
    {
        *(torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm),
        *(torch.mm, Tensor.mm, torch.einsum),
    }
)

_NAMES: Final = ("input", "mat2", "other", "tensor2")  # of operands given by keyword


class Folding(NamedTuple):
    """How other axes than rows and keys become `batch head`, for a pass over `batch` pictures.

    `heads`: an axis that pictures share with something else holds their heads; else, windows.
    `apart`: so does the axis beside that one, where heads stand otherwise.
    """

    batch: int
    heads: bool = True
    apart: bool = False

    def shape(self, outer: Sequence[int]) -> tuple[int, int]:
        """Sizes of `batch head`, pictures outermost."""
        if len(outer) == 2 and not self.apart:
            heads_outside = self.heads and self.batch == outer[1] == 1
            return (outer[1], outer[0]) if heads_outside else (outer[0], outer[1])
        size = math.prod(outer)
        pictures_outside = len(outer) == 1 or (len(outer) > 1 and outer[0] == self.batch)
        if self.heads and pictures_outside and size % self.batch == 0:
            return self.batch, size // self.batch
        return size, 1

    def shares_an_axis(self, outer: Sequence[int]) -> bool:
        """Whether pictures share an axis with heads, or do not lie in front."""
        return self.heads and len(outer) in (1, 2) and outer[0] != self.batch


@dataclass(frozen=True)
class Product:
    """A product of attention and values, by a letter for each axis.

    `outer` axes are those of pictures, windows and heads; values that heads share, and what is
    shared by several values, lack some of them. `sizes` holds the size of each letter.
    """

    of_attention: str
    of_value: str
    of_out: str
    outer: str
    row: str
    keys: str
    dims: str
    sizes: Mapping[str, int]
    folding: Folding

    @property
    def outer_sizes(self) -> tuple[int, ...]:
        """Sizes of the outer axes."""
        return self._sizes(self.outer)

    def attention_to_ours(self, tensor: Tensor) -> Tensor:
        """`batch head row token` of a tensor that has the attention's axes."""
        return self._to_ours(tensor, self.of_attention, self.row, self.keys)

    def attention_to_models(self, tensor: Tensor) -> Tensor:
        """The attention's own axes of a tensor `batch head row token`."""
        return self._to_models(tensor, self.of_attention, self.row, self.keys)

    def value_to_ours(self, value: Tensor) -> Tensor:
        """`batch head token dim` of the values."""
        return self._to_ours(value, self.of_value, self.keys, self.dims)

    def out_to_ours(self, product: Tensor) -> Tensor:
        """`batch head row dim` of the model's product."""
        return self._to_ours(product, self.of_out, self.row, self.dims)

    def out_to_models(self, product: Tensor) -> Tensor:
        """The model's product in its own axes."""
        return self._to_models(product, self.of_out, self.row, self.dims)

    def _sizes(self, letters: str) -> tuple[int, ...]:
        return tuple(self.sizes[letter] for letter in letters)

    def _to_ours(self, tensor: Tensor, letters: str, first: str, last: str) -> Tensor:
        wanted = self.outer + first + last
        tensor = tensor.permute([letters.index(c) for c in wanted if c in letters])
        for place, letter in enumerate(wanted):
            if letter not in letters:
                tensor = tensor.unsqueeze(place)
        tensor = tensor.expand(*self.outer_sizes, *tensor.shape[len(self.outer) :])
        sides = tensor.shape[len(self.outer) :]  # a replay has fewer rows, and fewer values
        folded = math.prod(sides[: len(first)]), math.prod(sides[len(first) :])
        return tensor.reshape(*self.folding.shape(self.outer_sizes), *folded)

    def _to_models(self, tensor: Tensor, letters: str, first: str, last: str) -> Tensor:
        ours = self.outer + first + last
        sides = [
            self._sizes(letters) if len(letters) != 1 else (size,)
            for letters, size in zip((first, last), tensor.shape[-2:], strict=True)
        ]
        tensor = tensor.reshape(*self.outer_sizes, *sides[0], *sides[1])
        for place in reversed(range(len(ours))):
            if ours[place] not in letters:  # of size 1
                tensor = tensor.squeeze(place)
        kept = [letter for letter in ours if letter in letters]
        return tensor.permute([kept.index(letter) for letter in letters])


def is_product(function: Any) -> bool:
    """Whether a function multiplies matrices."""
    return function in _MATMUL


def operands(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
    """What a product multiplies."""
    if function is not torch.einsum:
        return [*args, *(kwargs[name] for name in _NAMES if name in kwargs)][:2]
    return list(args[1] if len(args) == 2 and isinstance(args[1], list | tuple) else args[1:])


def product_of(
    equation: Any | None,
    both: Sequence[Any],
    attention: Tensor,
    value: Tensor,
    folding: Folding,
) -> Product | None:
    """The roles of the axes, by einsum's equation or as matmul has them; None where unclear."""
    left, right = both
    letters = _matmul(left, right) if equation is None else _einsum(equation, left, right)
    if letters is None:
        return None
    first, second, out = letters
    of_attention, of_value = (first, second) if left is attention else (second, first)
    sizes = dict(zip(of_attention, attention.shape, strict=True))
    of_values = dict(zip(of_value, value.shape, strict=True))
    for letter in {*of_attention} & {*of_value}:
        if sizes[letter] == 1 < of_values[letter]:  # several values share one softmax
            unused = next(c for c in string.ascii_letters if c not in f"{of_attention}{of_value}")
            of_attention = of_attention.replace(letter, unused)
            sizes = {**sizes, unused: 1}
        elif of_values[letter] == 1 < sizes[letter]:  # several heads share one value
            of_values[letter] = sizes[letter]
    keys = "".join(c for c in of_attention if c in of_value and c not in out)
    dims = "".join(c for c in of_value if c in out and c not in of_attention)
    others = [c for c in of_attention if c not in keys]
    rows = [c for c in others if c in out and c not in of_value]
    sizes = {**of_values, **{c: sizes[c] for c in of_attention}}
    if len(rows) > 1:  # rows, and heads that share their values
        rows = [c for c in rows if sizes[c] == math.prod(sizes[key] for key in keys)]
    summed = any(c not in out and sizes[c] > 1 for c in others)
    complete = {*of_value} <= {*of_attention, *out} and {*out} <= {*of_attention, *of_value}
    if len(rows) > 1 or not keys or summed or not complete:
        return None
    row = "".join(rows)  # none: each row has keys of its own, and stands among the outer axes
    outer = "".join(c for c in others if c != row)
    return Product(of_attention, of_value, out, outer, row, keys, dims, sizes, folding)


def _matmul(left: Tensor, right: Tensor) -> tuple[str, str, str] | None:
    if min(left.ndim, right.ndim) < 2:
        return None
    outer = string.ascii_lowercase[: max(left.ndim, right.ndim) - 2]
    of_left, of_right = (outer[len(outer) + 2 - one.ndim :] for one in (left, right))
    return of_left + "XY", of_right + "YZ", outer + "XZ"


def _einsum(equation: Any, left: Tensor, right: Tensor) -> tuple[str, str, str] | None:
    if not isinstance(equation, str):
        return None
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    if not arrow:  # letters that stand once, in the order of the alphabet
        out = "".join(sorted(c for c in {*inputs} - {","} if inputs.count(c) == 1))
    first, _, second = inputs.partition(",")
    unused = [c for c in string.ascii_letters if c not in equation]
    dots = {left.ndim - len(first.replace("...", "")), right.ndim - len(second.replace("...", ""))}
    outside = "".join(unused[: max(dots)]) if "..." in inputs else ""
    letters = tuple(part.replace("...", outside) for part in (first, second, out))
    whole = len(letters[0]) == left.ndim and len(letters[1]) == right.ndim
    once = all(len({*part}) == len(part) for part in letters)
    return (letters[0], letters[1], letters[2]) if whole and once else None
