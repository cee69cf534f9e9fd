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
    {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm, torch.einsum}
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

    `outer` axes are shared by both (pictures, windows, heads), `sizes` are theirs.
    """

    of_attention: str
    of_value: str
    of_out: str
    outer: str
    row: str
    key: str
    dim: str
    sizes: tuple[int, ...]
    folding: Folding

    def attention_to_ours(self, tensor: Tensor) -> Tensor:
        """`batch head row token` of a tensor that has the attention's axes."""
        return self._to_ours(tensor, self.of_attention, self.row + self.key)

    def attention_to_models(self, tensor: Tensor) -> Tensor:
        """The attention's own axes of a tensor `batch head row token`."""
        return self._to_models(tensor, self.of_attention, self.row + self.key)

    def value_to_ours(self, value: Tensor) -> Tensor:
        """`batch head token dim` of the values."""
        tensor = _permuted(value, self.of_value, self.outer + self.key + self.dim)
        tensor = tensor.expand(*self.sizes, *tensor.shape[-2:])
        return tensor.reshape(*self.folding.shape(self.sizes), *tensor.shape[-2:])

    def out_to_ours(self, product: Tensor) -> Tensor:
        """`batch head row dim` of the model's product."""
        return self._to_ours(product, self.of_out, self.row + self.dim)

    def out_to_models(self, product: Tensor) -> Tensor:
        """The model's product in its own axes."""
        return self._to_models(product, self.of_out, self.row + self.dim)

    def _to_ours(self, tensor: Tensor, letters: str, last: str) -> Tensor:
        tensor = _permuted(tensor, letters, self.outer + last)
        return tensor.reshape(*self.folding.shape(self.sizes), *tensor.shape[-2:])

    def _to_models(self, tensor: Tensor, letters: str, last: str) -> Tensor:
        tensor = tensor.reshape(*self.sizes, *tensor.shape[-2:])
        return _permuted(tensor, self.outer + last, letters)


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
    key = [c for c in of_attention if c in of_value and c not in out]
    row = [c for c in of_attention if c in out and c not in of_value]
    dim = [c for c in of_value if c in out and c not in of_attention]
    outer = [c for c in of_attention if c in of_value and c in out]
    if (len(key), len(row), len(dim)) != (1, 1, 1) or len(outer) + 2 != len(out):
        return None
    if len(of_attention) != len(outer) + 2 or len(of_value) != len(outer) + 2:
        return None
    sizes = tuple(attention.shape[of_attention.index(c)] for c in outer)
    of_values = tuple(value.shape[of_value.index(c)] for c in outer)
    if any(values not in (1, size) for size, values in zip(sizes, of_values, strict=True)):
        return None  # several heads, or pictures, share one softmax
    return Product(
        of_attention, of_value, out, "".join(outer), row[0], key[0], dim[0], sizes, folding
    )


def _matmul(left: Tensor, right: Tensor) -> tuple[str, str, str] | None:
    if left.ndim != right.ndim or left.ndim < 2:
        return None
    outer = string.ascii_lowercase[: left.ndim - 2]
    return outer + "XY", outer + "YZ", outer + "XZ"


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


def _permuted(tensor: Tensor, letters: str, to: str) -> Tensor:
    return tensor.permute([letters.index(c) for c in to])
