"""The tape of a model whose attention lies on several grids: it begins at the finest one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..undo import Undo
from ..values import Classifier, Layout
from .hooks import LayoutMismatchError
from .observe import hook_convolution
from .picture_tape import PictureTape
from .residual import sums_with_what_comes_of_a_term


class GridTape(PictureTape):
    """One picture's tape from the stem's feature map on, or from the pixels where there is none."""

    def __init__(self, classifier: Classifier, layout: Layout, pixels: Tensor) -> None:
        self._pixels = pixels
        super().__init__(classifier, layout, pixels)
        if not self.tokens:
            raise LayoutMismatchError
        self.inside = [0] * len(self.attention)

    def open(self, undo: Undo, blocks: list[nn.Module]) -> None:
        """Open the tape, and let it begin."""
        super().open(undo, blocks)
        if self.layout.stem is None:
            self.tape.enter(self._pixels)
            self.tokens.append(self._place(self._pixels))
        else:
            hook_convolution(undo, self.classifier.vision, self.layout.stem, 1, self._begin)

    def as_tokens(self, tensor: Tensor) -> Float[Tensor, "1 cell dim"]:
        """What lies on each cell of the grid, cells row by row."""
        if self.layout.stem is not None:
            return tensor.flatten(2).mT
        grid = self.layout.grid
        sides = (*((grid.frames,) if grid.frames else ()), grid.rows, grid.columns)
        return in_cells(self.classifier.medium.as_drawn(tensor), sides)

    def find_residual_sums(self) -> None:
        """Let the tape know the sums of something with what layers make of it."""
        self.tape.residual = sums_with_what_comes_of_a_term(self.tape.steps)

    def _begin(self, maps: Tensor) -> Tensor:
        leaf = self.enter(maps)
        assert leaf is not None, "the first that enters"
        return leaf

    def _attention_place(self, attention: Tensor) -> int:
        """A new place for attention of positions alone, which no picture changes."""
        if self.tape.number(attention) is None:
            self.tape.enter(attention)
        return self._place(attention)


def in_cells(
    pixels: Float[Tensor, "1 channel *sides"], cells: Sequence[int]
) -> Float[Tensor, "1 cell dim"]:
    """The pixels of each cell, the last one of a side taking what is left; zeros beside fewer."""
    for place in reversed(range(len(cells))):
        dim, count, size = 2 + place, cells[place], pixels.shape[2 + place]
        step = max(1, round(size / count))
        width = max(step, size - step * (count - 1))
        starts = step * torch.arange(count)[:, None]
        index = starts + torch.arange(width)
        index[:-1, step:] = size
        none = torch.zeros_like(pixels.narrow(dim, 0, 1))
        chosen = index.clamp(max=size).flatten().to(pixels.device)
        pixels = torch.cat([pixels, none], dim).index_select(dim, chosen)
        pixels = pixels.reshape(*pixels.shape[:dim], count, width, *pixels.shape[dim + 1 :])
    grid = [2 + 2 * place for place in range(len(cells))]
    pixels = pixels.permute(0, *grid, 1, *(dim + 1 for dim in grid))
    return pixels.flatten(1, len(cells)).flatten(2)
