"""Which keys and rows of every attention change when parts of the picture are exchanged.

What attention returns is held constant meanwhile, so a key's value and a row's query depend on the
picture through skip connections, convolutions and merges alone. Pixels are seeded noise: what is
found does not depend on a user's picture.
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
from .channels import channels_by_size
from .exchange import (
    LITTLE,
    NOISE,
    ChannelsError,
    WindowsApartError,
    change_of,
    changed_of_each,
    exchanged,
    has_several_places,
    lie_apart,
    marked,
    of_first,
    of_rows,
    order_of,
    side_by_side,
)
from .hooks import LayoutMismatchError
from .observe import hook_convolution
from .record import capture, logits_of

AT_ONCE: Final = 8  # pictures in one pass
PARTLY: Final = 0.75  # of the numbers that the whole picture changes


class Probe:
    """Passes of one model at one input size in which parts of the picture are exchanged.

    Attributes:
        orders: How the batch of each attention is made up of pictures; None where nothing in the
            values changes with the picture, or keys are not positions.
        stem: The number of the convolution whose feature map is exchanged; None: the pixels are.
        through_rows: A row that attention returns counts as lying where its query lies.

    """

    def __init__(
        self,
        classifier: Classifier,
        pixels: Tensor,
        layout: Layout,
        axes: tuple[int, ...],
        seed: int = 0,
    ) -> None:
        self._classifier, self._layout, self.axes = classifier, layout, axes
        noise = torch.Generator().manual_seed(seed)
        shape = (3, *pixels.shape[1:])
        made = torch.randn(shape, generator=noise, dtype=torch.float64).to(pixels)
        self._base, self._other, self._third = torch.split(made, 1)
        self.stem: int | None = None
        self.through_rows = False
        self._held = self._find_orders()
        self.orders = list(self._held)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Pixels along each axis."""
        return tuple(self._base.shape[axis] for axis in self.axes)

    @property
    def noise(self) -> float:
        """The greatest change that may be rounding."""
        return NOISE[self._base.dtype] ** 2

    def changes(self, masks: Tensor) -> list[Tensor]:
        """How much each key's value and each row's query change where cells are exchanged.

        Args:
            masks: (mask, *cells), true where the picture is exchanged.

        Returns:
            For each attention (mask, key), then for each attention (mask, row): squared change over
            the mean square; 0 where it may be rounding.
        """
        parts = [
            [change_of(places[:1], places[2:]).cpu() for places in self._values(some)]
            for some in torch.split(masks, AT_ONCE - 2)
        ]
        return [torch.cat(of_side) for of_side in zip(*parts, strict=True)]

    def shows_rows(self, number: int, keys: Tensor) -> Tensor:
        """Where an attention's rows are shown, (mask, row), though these keys change (mask, key).

        Queries show them everywhere. Scores do where some keys of their window stay as they are.
        """
        order, rows = self.orders[number], self._rows[number]
        if order is None:
            return torch.ones(len(keys), 0, dtype=torch.bool)
        staying = order.by_item(1.0 - keys[None].double()).mean(-1)  # item mask
        shown = (staying > 2 * LITTLE) | (not self._by_scores[number])
        return order.by_picture(shown[..., None].double().expand(-1, -1, rows))[0] > 0

    def rows_apart(self) -> list[bool]:
        """For each attention, whether its items of a picture, or heads, attend to other places.

        Not so where all keys of an item lie at one place: attention over what blocks gave there.
        """
        values = self._values(self._bands())[: len(self.orders)]
        counts = [1 if order is None else order.items for order in self.orders]
        pairs = zip(values, counts, strict=True)
        items = self._changed([side_by_side(keys, count) for keys, count in pairs], counts)
        both = zip(items, self._changed(values, self._heads), strict=True)
        return [any(lie_apart(one) and has_several_places(one) for one in pair) for pair in both]

    def _changed(self, values: list[Tensor], counts: list[int]) -> list[Tensor]:
        """Whether keys change with each band of rows, head by head."""
        every = zip(values, counts, self.orders, strict=True)
        return [
            changed_of_each(keys[:1], keys[3:], 1 if order is None else count)
            for keys, count, order in every
        ]

    def _bands(self) -> Tensor:
        """The whole picture, then a band of rows each."""
        masks = torch.zeros(AT_ONCE - 2, *(AT_ONCE for _ in self.axes), dtype=torch.bool)
        masks[0] = True
        masks[range(1, AT_ONCE - 2), range(1, AT_ONCE - 2)] = True
        return masks

    def leave_out_channels(self) -> None:
        """Attention over channels holds no position: it is a layer like any other.

        There a part of the picture changes a part of every key's numbers. Where each part changes
        every key, another size of the picture tells.
        """
        masks = self._bands()
        values = self._values(masks)[: len(self.orders)]
        if any(len(one) > 1 and lie_apart(one) for one in self._changed(values, self._heads)):
            raise WindowsApartError
        everywhere = [bool((change_of(keys[:1], keys[3:]) > 0).all()) for keys in values]
        by_size = [False] * len(values)
        if any(everywhere):
            by_size = channels_by_size(self._classifier, self._base, self._layout)
        channels = set[int]()  # how many, of attentions that are over channels
        for number, keys in enumerate(values):
            numbers = keys.transpose(1, 3)  # picture key 1 number
            touched = (change_of(numbers[:1], numbers[2:]) > 0).sum(1)
            some = touched[1:][touched[1:] > 0]
            in_part = len(some) and float(some.double().mean()) < PARTLY * int(touched[0])
            if in_part or by_size[number]:
                self.orders[number] = None
                channels.add(keys.shape[-1])
        for number, keys in enumerate(values):  # behind convolutions that mix the whole picture
            if everywhere[number] and keys.shape[-1] in channels:
                self.orders[number] = None
        if all(order is None for order in self.orders):
            raise ChannelsError

    def _values(self, masks: Tensor) -> list[Float[Tensor, "picture number way place"]]:
        """Values of each attention: of one picture, of another, and of each exchange of both.

        Then what shows the rows of each.
        """
        pixels = torch.cat([self._base, self._other, *[self._base] * len(masks)])
        axes = self.axes
        if self.stem is None:
            found = self._run(exchanged(pixels, axes, masks), held=True)
        else:
            found = self._run(
                pixels, held=True, behind_stem=lambda maps: exchanged(maps, axes, masks)
            )
        nothing = torch.zeros(len(pixels), 1, 1, 0, device=pixels.device)
        pairs = zip(self.orders * 2, found, strict=True)
        return [nothing if order is None else order.by_picture(one) for order, one in pairs]

    def _find_orders(self) -> list[Places | None]:
        """Exchange one of two pictures at a time, and see whose items change."""
        pairs = [(self._base, self._third), (self._other, self._third), (self._base, self._other)]
        found = [self._run(torch.cat(pair), held=False) for pair in pairs]
        count = len(found[0]) // 2
        self._by_scores = [rows.shape[2] > 1 for rows in found[0][count:]]
        self._rows = [rows.shape[3] for rows in found[0][count:]]
        same, first, second = (sides[:count] for sides in found)
        return [
            order_of(*(change_of(one, other).any(1) for other in others))
            for one, *others in zip(same, first, second, strict=True)
        ]

    def _run(
        self,
        pixels: Tensor,
        *,
        held: bool,
        behind_stem: Callable[[Tensor], Tensor] | None = None,
    ) -> list[Float[Tensor, "item number way place"]]:
        """The values of each attention, then its rows.

        With `held` all pictures get what the first attends to.
        """
        values, rows, self._heads = list[Tensor](), list[Tensor](), list[int]()
        own = iter(self._layout.calls)

        def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
            found = as_torch()
            if next(own, None) is not True:
                return found
            self._heads.append(call.value.shape[1])
            values.append(
                rearrange(call.value.detach(), "item head key dim -> item (head dim) 1 key")
            )
            rows.append(of_rows(call))
            order = self._held[len(values) - 1] if held else None
            if order is None:
                return found
            same = of_first(found, order)
            return marked(same, call.scores(), order) if self.through_rows else same

        with torch.no_grad(), undoing() as undo:
            if behind_stem is not None and self.stem is not None:
                vision, pictures = self._classifier.vision, len(pixels)
                hook_convolution(undo, vision, self.stem, pictures, behind_stem)
            capture(undo, self._layout, pixels, answer)
            logits_of(self._classifier, pixels)
        if len(values) != sum(self._layout.calls):
            raise LayoutMismatchError
        return values + rows
