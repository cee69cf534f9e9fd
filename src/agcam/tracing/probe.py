"""Which keys of every attention change when parts of the picture are exchanged.

What attention returns is held constant meanwhile, so a key's value depends on the picture through
skip connections, convolutions and merges alone. Pixels are seeded noise: what is found does not
depend on a user's picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..undo import undoing
from ..values import AttentionCall, Classifier, Layout, Places
from .hooks import LayoutMismatchError
from .record import capture, logits_of

AT_ONCE: Final = 8  # pictures in one pass
NOISE: Final = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""How much a value may change by rounding, relative to the size of values."""


PARTLY: Final = 0.75  # of the numbers that the whole picture changes


class PositionsError(Exception):
    """Where keys lie cannot be told; the message completes a sentence about the model."""


class Probe:
    """Passes of one model at one input size in which parts of the picture are exchanged.

    Attributes:
        orders: How the batch of each attention is made up of pictures; None where nothing in the
            values changes with the picture.

    """

    def __init__(
        self, classifier: Classifier, pixels: Tensor, layout: Layout, axes: tuple[int, ...]
    ) -> None:
        self._classifier, self._layout, self._axes = classifier, layout, axes
        noise = torch.Generator().manual_seed(0)
        shape = (3, *pixels.shape[1:])
        made = torch.randn(shape, generator=noise, dtype=torch.float64).to(pixels)
        self._base, self._other, self._third = torch.split(made, 1)
        self.orders = self._find_orders()
        self._refuse_channels()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Pixels along each axis."""
        return tuple(self._base.shape[axis] for axis in self._axes)

    def changes(self, masks: Tensor) -> list[Tensor]:
        """How much each key's value changes where the cells of a mask are exchanged.

        Args:
            masks: (mask, *cells), true where the picture is exchanged.

        Returns:
            For each attention (mask, key): squared change of the value over the mean square of
            values; 0 where it may be rounding.
        """
        parts = [self._changes(some) for some in torch.split(masks, AT_ONCE - 1)]
        return [torch.cat(of_call) for of_call in zip(*parts, strict=True)]

    def _changes(self, masks: Tensor) -> list[Tensor]:
        pixels = [torch.where(self._at_pixels(mask), self._other, self._base) for mask in masks]
        values = self._run(torch.cat([self._base, *pixels]), held=True)
        found = []
        for order, value in zip(self.orders, values, strict=True):
            if order is None:
                found.append(torch.zeros(len(masks), 0))
                continue
            keys = order.by_picture(value)
            found.append(_change(keys[:1], keys[1:]).cpu())
        return found

    def _refuse_channels(self) -> None:
        """Where keys are channels, a part of the picture changes a part of every key's numbers."""
        masks = torch.zeros(AT_ONCE - 1, *(AT_ONCE for _ in self._axes), dtype=torch.bool)
        masks[0] = True
        masks[range(1, AT_ONCE - 1), range(1, AT_ONCE - 1)] = True  # a band of rows each
        pixels = [torch.where(self._at_pixels(mask), self._other, self._base) for mask in masks]
        values = self._run(torch.cat([self._base, *pixels]), held=True)
        for order, value in zip(self.orders, values, strict=True):
            if order is not None:
                numbers = order.by_picture(value).mT  # picture key number
                touched = (_change(numbers[:1], numbers[1:]) > 0).sum(1)
                some = touched[1:][touched[1:] > 0]
                if len(some) and float(some.double().mean()) < PARTLY * int(touched[0]):
                    raise PositionsError("it attends over channels, not over positions")

    def _at_pixels(self, mask: Tensor) -> Tensor:
        """A mask of cells as one of pixels, for the axes of the input."""
        for axis, pixels in enumerate(self.sizes):
            cells = mask.shape[axis]
            step = max(1, round(pixels / cells))
            mask = mask.index_select(axis, (torch.arange(pixels) // step).clamp(max=cells - 1))
        shape = [1] * self._base.ndim
        for axis, pixels in zip(self._axes, self.sizes, strict=True):
            shape[axis] = pixels
        return mask.reshape(shape).to(self._base.device)

    def _find_orders(self) -> list[Places | None]:
        """Exchange one of two pictures at a time, and see whose items change."""
        pairs = [(self._base, self._third), (self._other, self._third), (self._base, self._other)]
        same, first, second = (self._run(torch.cat(pair), held=False) for pair in pairs)
        return [
            _order(*(_change(one, other).any(1) for other in others))
            for one, *others in zip(same, first, second, strict=True)
        ]

    def _run(self, pixels: Tensor, *, held: bool) -> list[Tensor]:
        """The values of each attention; with `held` all pictures get what the first attends to."""
        values: list[Tensor] = []
        own = iter(self._layout.calls)

        def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
            found = as_torch()
            if next(own, None) is not True:
                return found
            values.append(
                rearrange(call.value.detach(), "item head key dim -> item (head dim) key")
            )
            order = self.orders[len(values) - 1] if held else None
            return found if order is None else _of_first(found, order)

        with torch.no_grad(), undoing() as undo:
            capture(undo, self._layout, pixels, answer)
            logits_of(self._classifier, pixels)
        if len(values) != sum(self._layout.calls):
            raise LayoutMismatchError
        return values


def _change(
    one: Float[Tensor, "one number key"], other: Float[Tensor, "item number key"]
) -> Float[Tensor, "item key"]:
    """Squared change of each key's value over the mean square of values; 0 where it is rounding."""
    if one.shape[1:] != other.shape[1:]:
        raise PositionsError("its attention is of another shape in each pass")
    noise = NOISE[one.dtype] ** 2
    one, other = one.double(), other.double()
    change = (other - one).square().sum(1) / one.square().sum(1).mean().clamp(min=1e-30)
    return torch.where(change > noise, change, 0.0)


def _order(first: Tensor, second: Tensor) -> Places | None:
    """Who owns which items: those that change with the first, and with the second of two pictures.

    `inner` items of a picture lie side by side, then as many of the other.
    """
    items = len(first)
    if not bool(first.any() | second.any()):
        return None
    fits, complete = list[Places](), list[Places]()
    for inner in (some for some in range(1, items // 2 + 1) if items % (2 * some) == 0):
        of_second = (torch.arange(items, device=first.device) // inner % 2).bool()
        if not bool((first & of_second).any() | (second & ~of_second).any()):
            fits.append(Places(items // (2 * inner), inner, ()))
            if bool((first | second).all()):
                complete.append(fits[-1])
    if len(complete or fits) != 1:
        raise PositionsError("it mixes the pictures of a batch, or their order cannot be told")
    return (complete or fits)[0]


def _of_first(found: Tensor, order: Places) -> Tensor:
    """What the first picture's attention returns, for all pictures of the batch."""
    split = found.reshape(order.outer, -1, order.inner, *found.shape[1:])
    return split[:, :1].expand_as(split).reshape(found.shape)
