"""Where the rows and keys of one attention lie on the grid of a picture."""

from __future__ import annotations

import string
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

Axes = tuple[Float[Tensor, "place _"], ...]
Parts = Iterable[tuple[slice, Tensor]]
"""Some rows of a matrix (item row key) at a time, so that it is never held as a whole."""


@dataclass(frozen=True, eq=False)
class Places:
    """Where the rows and keys of one attention lie, and which picture each of them belongs to.

    The batch of an attention may hold more than pictures (windows, ...): its items are counted by
    (outer picture inner), with `outer * inner` items for each picture, whose keys (and rows) are
    numbered item by item.

    Attributes:
        outer: Items of one picture that are further apart than those of another picture.
        inner: Items of one picture that lie side by side.
        weights: For each axis of the grid, the shares with which each key of a picture lies on each
            cell of that axis (key cell). They sum to 1, so a key lies on a cell of the grid with
            the product of its shares; a key that holds no position has none (zeros).
        rows: The same for each row (row cell); empty where that could not be proved.
        why_no_rows: Why not, as a clause about the model.
    """

    outer: int
    inner: int
    weights: tuple[Float[Tensor, "key _"], ...]
    rows: tuple[Float[Tensor, "row _"], ...] = ()
    why_no_rows: str = ""

    @property
    def items(self) -> int:
        """Items of the batch for each picture."""
        return self.outer * self.inner

    @cached_property
    def heads_in_rows(self) -> tuple[int, int]:
        """How many heads stand outside the rows of an item in their axis, and how many inside.

        Heads that a model folds into its rows (multi-query attention) lie at the same places, in
        the same order. Else it is (1, 1), as where the places of rows are not known.
        """
        if not self.rows or len(self.rows[0]) == len(self.weights[0]):  # rows are keys
            return 1, 1
        rows = torch.cat(self.rows, 1)
        count, cells = len(rows) // self.items, rows.shape[1]
        for heads in (some for some in range(2, count // 2 + 1) if count % some == 0):
            for outside, inside in ((heads, 1), (1, heads)):
                split = rows.reshape(self.items, outside, -1, inside, cells)
                first = split[:, :1, :, :1]
                lie = first[0, 0, :, 0][first[0, 0, :, 0].any(1)]
                several = 1 < len(lie) == len(torch.unique(lie, dim=0))
                if several and bool((split == first).all()):
                    return outside, inside
        return 1, 1

    def by_picture(self, keys: Tensor) -> Float[Tensor, "picture *more every_key"]:
        """What belongs to the keys of each item (item ... key), side by side for each picture."""
        split = keys.reshape(self.outer, -1, self.inner, *keys.shape[1:])
        return torch.movedim(split, (1, 0, 2), (0, -3, -2)).flatten(-3)

    def by_item(
        self, keys: Float[Tensor, "picture *more every_key"]
    ) -> Float[Tensor, "item *more key"]:
        """The inverse of `by_picture`; for rows too."""
        split = keys.reshape(*keys.shape[:-1], self.outer, self.inner, -1)
        return torch.movedim(split, (-3, -2), (0, 2)).flatten(0, 2)

    def as_batch(self, items: Tensor) -> Tensor:
        """Items of one picture after the other, as the attention's batch has them."""
        split = items.reshape(-1, self.outer, self.inner, *items.shape[1:])
        return split.movedim(1, 0).flatten(0, 2)

    def within(self, cells: Tensor) -> Float[Tensor, " key"]:
        """The share of each key that lies on some cells, weighed by numbers for the whole grid."""
        return mean_over(self.weights, cells.flatten().to(self.weights[0])[None])[0]

    def on_grid(self, keys: Float[Tensor, "item *more key"]) -> Float[Tensor, "picture *more cell"]:
        """Relevance of keys, shared out over the grid, cells row by row; its sum is kept.

        The relevance of keys that hold no position (padding, a class token) is dropped.
        """
        return shared_out(self.weights, self.by_picture(keys))

    def rows_on_grid(
        self, rows: Float[Tensor, "item *more row"]
    ) -> Float[Tensor, "picture *more cell"]:
        """The same for what rows hold."""
        return shared_out(self.rows, self.by_picture(rows))

    def rows_to_keys(
        self, cells: Float[Tensor, "picture more cell"], parts: Parts
    ) -> Float[Tensor, "picture more cell"]:
        """`cells @ W`, `W = U M P`: what cells hold goes to their rows, by M to keys, to cells.

        `P` are the shares of the keys, `U` those of the rows, made to sum to 1 for each cell: two
        rows on one cell have a half of it each. `M` (item row key) comes as `parts`.
        """
        rows = self.by_item(mean_over(self.rows, cells / self._rows_on_each(cells)))
        return self.on_grid(_sum(rows[..., some] @ part.to(rows) for some, part in parts))

    def keys_to_rows(
        self, cells: Float[Tensor, "picture more cell"], parts: Parts
    ) -> Float[Tensor, "picture more cell"]:
        """`W @ cells`, the same W: keys take the mean over their cells, rows by M that of keys."""
        keys = self.by_item(mean_over(self.weights, cells))
        rows = keys.new_zeros(*keys.shape[:2], len(self.rows[0]) // self.items)
        for some, part in parts:
            rows[..., some] = keys @ part.to(keys).mT
        return self.rows_on_grid(rows) / self._rows_on_each(cells)

    def together(
        self, keys: Float[Tensor, "picture key dim"]
    ) -> tuple[Float[Tensor, "picture some more"], Axes]:
        """The keys that lie somewhere, and where.

        What lies on the same cells stands side by side in `more`: heads, where a model folds them
        into one axis with its windows.
        """
        lie = self.weights[0].any(1)
        axes = tuple(weights[lie] for weights in self.weights)
        keys, every = keys[:, lie.to(keys.device)], torch.cat(axes, 1)
        where, group, counts = torch.unique(every, dim=0, return_inverse=True, return_counts=True)
        if len(where) == len(group) or bool((counts != counts[0]).any()):
            return keys, axes
        order = group.argsort(stable=True).to(keys.device)
        beside = keys[:, order].reshape(len(keys), len(where), -1)
        return beside, torch.split(where, [weights.shape[1] for weights in axes], 1)

    def _rows_on_each(self, like: Tensor) -> Float[Tensor, "1 cell"]:
        """How much of rows lies on each cell; 1 where none does, for nothing comes of it."""
        found = shared_out(self.rows, like.new_ones(1, len(self.rows[0])))
        return torch.where(found > 0, found, 1.0)


def _sum(tensors: Iterable[Tensor]) -> Tensor:
    first, *others = tensors
    return sum(others, first)


def _einsum_terms(axes: Axes) -> tuple[str, str]:
    """A letter for each axis of cells, and the terms of its shares, (place, cell)."""
    letters = string.ascii_lowercase[: len(axes)]
    return letters, ",".join(f"Z{axis}" for axis in letters)


def shared_out(
    axes: Axes, places: Float[Tensor, "picture *more place"]
) -> Float[Tensor, "picture *more cell"]:
    """What each place (a key, a row) holds, shared out over its cells; the sum is kept."""
    letters, terms = _einsum_terms(axes)
    shares = [weights.to(places) for weights in axes]
    found = torch.einsum(f"YZ,{terms}->Y{letters}", places.flatten(0, -2), *shares)
    return found.reshape(*places.shape[:-1], -1)


def mean_over(
    axes: Axes, cells: Float[Tensor, "picture *more cell"]
) -> Float[Tensor, "picture *more place"]:
    """The mean over the cells of each place, by its shares: what `shared_out` does, transposed."""
    letters, terms = _einsum_terms(axes)
    shares = [weights.to(cells) for weights in axes]
    whole = cells.reshape(-1, *(weights.shape[1] for weights in axes))
    found = torch.einsum(f"Y{letters},{terms}->YZ", whole, *shares)
    return found.reshape(*cells.shape[:-1], -1)
