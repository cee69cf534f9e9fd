"""Where the keys of one attention lie on the grid of a picture."""

from __future__ import annotations

import string
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Places:
    """Where the keys of one attention lie, and which picture each of them belongs to.

    The batch of an attention may hold more than pictures (windows, ...): its items are counted by
    (outer picture inner), with `outer * inner` items for each picture, whose keys are numbered
    item by item.

    Attributes:
        outer: Items of one picture that are further apart than those of another picture.
        inner: Items of one picture that lie side by side.
        weights: For each axis of the grid, the shares with which each key of a picture lies on each
            cell of that axis (key cell). They sum to 1, so a key lies on a cell of the grid with
            the product of its shares; a key that holds no position has none (zeros).
    """

    outer: int
    inner: int
    weights: tuple[Float[Tensor, "key _"], ...]

    @property
    def items(self) -> int:
        """Items of the batch for each picture."""
        return self.outer * self.inner

    def by_picture(self, keys: Tensor) -> Float[Tensor, "picture *more key"]:
        """What belongs to the keys of each item (item ... key), side by side for each picture."""
        split = keys.reshape(self.outer, -1, self.inner, *keys.shape[1:])
        return torch.movedim(split, (1, 0, 2), (0, -3, -2)).flatten(-3)

    def within(self, cells: Tensor) -> Float[Tensor, " key"]:
        """The share of each key that lies on some cells, weighed by numbers for the whole grid."""
        axes = string.ascii_lowercase[: len(self.weights)]
        terms = ",".join(f"Z{axis}" for axis in axes)
        return torch.einsum(f"{axes},{terms}->Z", cells.to(self.weights[0]), *self.weights)

    def on_grid(self, keys: Float[Tensor, "item *more key"]) -> Float[Tensor, "picture *more cell"]:
        """Relevance of keys, shared out over the grid, cells row by row; its sum is kept.

        The relevance of keys that hold no position (padding, a class token) is dropped.
        """
        relevance = self.by_picture(keys)
        axes = string.ascii_lowercase[: len(self.weights)]
        terms = ",".join(f"Z{axis}" for axis in axes)
        shares = [weights.to(relevance) for weights in self.weights]
        found = torch.einsum(f"YZ,{terms}->Y{axes}", relevance.flatten(0, -2), *shares)
        return found.reshape(*relevance.shape[:-1], -1)
