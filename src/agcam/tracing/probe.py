"""Which keys of every attention change when parts of the picture are exchanged.

What attention returns is held constant meanwhile, so a key's value depends on the picture through
skip connections, convolutions and merges alone. Pixels are seeded noise: what is found does not
depend on a user's picture.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from ..undo import Undo, hook, undoing
from ..values import AttentionCall, Classifier, Layout, Places
from .hooks import LayoutMismatchError
from .observe import convolutions
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
        stem: The number of the convolution whose feature map is exchanged; None: the pixels are.
        through_rows: A row that attention returns counts as lying where its query lies.

    """

    def __init__(
        self, classifier: Classifier, pixels: Tensor, layout: Layout, axes: tuple[int, ...]
    ) -> None:
        self._classifier, self._layout, self._axes = classifier, layout, axes
        noise = torch.Generator().manual_seed(0)
        shape = (3, *pixels.shape[1:])
        made = torch.randn(shape, generator=noise, dtype=torch.float64).to(pixels)
        self._base, self._other, self._third = torch.split(made, 1)
        self.stem: int | None = None
        self.through_rows = False
        self.orders = self._find_orders()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Pixels along each axis."""
        return tuple(self._base.shape[axis] for axis in self._axes)

    @property
    def noise(self) -> float:
        """The greatest change that may be rounding."""
        return NOISE[self._base.dtype] ** 2

    def changes(self, masks: Tensor) -> list[Tensor]:
        """How much each key's value changes where the cells of a mask are exchanged.

        Args:
            masks: (mask, *cells), true where the picture is exchanged.

        Returns:
            For each attention (mask, key): squared change of the value over the mean square of
            values; 0 where it may be rounding.
        """
        parts = [self._values(some) for some in torch.split(masks, AT_ONCE - 2)]
        return [
            torch.cat([_change(keys[:1], keys[2:]).cpu() for keys in of_call])
            for of_call in zip(*parts, strict=True)
        ]

    def refuse_channels(self) -> None:
        """Where keys are channels, a part of the picture changes a part of every key's numbers."""
        masks = torch.zeros(AT_ONCE - 2, *(AT_ONCE for _ in self._axes), dtype=torch.bool)
        masks[0] = True
        masks[range(1, AT_ONCE - 2), range(1, AT_ONCE - 2)] = True  # a band of rows each
        for keys in self._values(masks):
            numbers = keys.mT  # picture key number
            touched = (_change(numbers[:1], numbers[2:]) > 0).sum(1)
            some = touched[1:][touched[1:] > 0]
            if len(some) and float(some.double().mean()) < PARTLY * int(touched[0]):
                raise PositionsError("it attends over channels, not over positions")

    def _values(self, masks: Tensor) -> list[Float[Tensor, "picture number key"]]:
        """Values of each attention: of one picture, of another, and of each exchange of both."""
        pixels = torch.cat([self._base, self._other, *[self._base] * len(masks)])
        axes = self._axes
        if self.stem is None:
            found = self._run(exchanged(pixels, axes, masks), held=True)
        else:
            found = self._run(
                pixels, held=True, behind_stem=lambda maps: exchanged(maps, axes, masks)
            )
        nothing = torch.zeros(len(pixels), 1, 0, device=pixels.device)
        pairs = zip(self.orders, found, strict=True)
        return [nothing if order is None else order.by_picture(one) for order, one in pairs]

    def _find_orders(self) -> list[Places | None]:
        """Exchange one of two pictures at a time, and see whose items change."""
        pairs = [(self._base, self._third), (self._other, self._third), (self._base, self._other)]
        same, first, second = (self._run(torch.cat(pair), held=False) for pair in pairs)
        return [
            _order(*(_change(one, other).any(1) for other in others))
            for one, *others in zip(same, first, second, strict=True)
        ]

    def _run(
        self,
        pixels: Tensor,
        *,
        held: bool,
        behind_stem: Callable[[Tensor], Tensor] | None = None,
    ) -> list[Float[Tensor, "item number key"]]:
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
            if order is None:
                return found
            same = _of_first(found, order)
            return _marked(same, call.scores(), order) if self.through_rows else same

        with torch.no_grad(), undoing() as undo:
            if behind_stem is not None:
                self._hook_stem(undo, behind_stem, len(pixels))
            capture(undo, self._layout, pixels, answer)
            logits_of(self._classifier, pixels)
        if len(values) != sum(self._layout.calls):
            raise LayoutMismatchError
        return values

    def _hook_stem(self, undo: Undo, change: Callable[[Tensor], Tensor], pictures: int) -> None:
        """Change what one of the convolutions gives, by its number in the pass."""
        count = itertools.count()

        def after(_: nn.Module, __: object, output: object) -> Tensor | None:
            if not isinstance(output, Tensor) or next(count) != self.stem:
                return None
            return change(output) if len(output) == pictures else None

        for part in convolutions(self._classifier.vision):
            hook(undo, part, after=after)


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


def exchanged(batch: Tensor, axes: tuple[int, ...], masks: Tensor) -> Tensor:
    """Two pictures (or feature maps), and for each mask the first with the second's cells."""
    found = [batch[:2]]
    for cells in masks:
        mask, shape = cells, [1] * batch.ndim
        for place, axis in enumerate(axes):
            size, count = batch.shape[axis], cells.shape[place]
            of_pixel = torch.arange(size) // max(1, round(size / count))
            mask = mask.index_select(place, of_pixel.clamp(max=count - 1))
            shape[axis] = size
        found.append(torch.where(mask.reshape(shape).to(batch.device), batch[1:2], batch[:1]))
    return torch.cat(found)


def _marked(output: Tensor, scores: Tensor, order: Places) -> Tensor:
    """What attention returns, with a mark on rows whose query differs from the first picture's.

    Such a row scores every key otherwise; where keys alone differ, others are scored as before.
    """
    split = scores.double().reshape(order.outer, -1, order.inner, *scores.shape[1:])
    change = (split - split[:, :1]).abs()
    change = torch.where(change.isnan(), torch.inf, change)  # a mask hides this key from both
    size = split[split.isfinite()].abs().mean()
    differs = change.amin(-1).amax(-2).reshape(len(scores), -1) > size * NOISE[scores.dtype]
    mark = torch.linspace(-1, 1, output.shape[-1]).to(output) * output.square().mean().sqrt()
    return output + differs[:, None, :, None] * mark


def _of_first(found: Tensor, order: Places) -> Tensor:
    """What the first picture's attention returns, for all pictures of the batch."""
    split = found.reshape(order.outer, -1, order.inner, *found.shape[1:])
    return split[:, :1].expand_as(split).reshape(found.shape)
