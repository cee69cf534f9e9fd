"""What an exchange of parts of the picture changes: keys, rows, and whose they are."""

from __future__ import annotations

from typing import Final

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from ..values import AttentionCall, Places

NOISE: Final = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 2e-2, torch.bfloat16: 5e-2}
"""How much a value may change by rounding, relative to the size of values."""

LITTLE: Final = 0.1  # of a row's scores may change little, by chance, where its query changes
FEW: Final = 0.1  # of changes, that rounding may hide in some heads


class PositionsError(Exception):
    """Where keys lie cannot be told; the message completes a sentence about the model."""


class ChannelsError(PositionsError):
    """No attention of the model is over positions."""


class WindowsApartError(PositionsError):
    """What was taken for heads of an attention lies at different places: windows."""

    def __init__(self) -> None:
        super().__init__("the windows of its attention stand where heads do")


def of_rows(call: AttentionCall) -> Float[Tensor, "item number way row"]:
    """What shows each row: its query, or, where that is not known, how it scores every key.

    A row whose query changes scores every key otherwise; where keys change, it scores those.
    """
    query = call.query.detach()
    if call.key is not None:
        return rearrange(query, "item head row dim -> item (head dim) 1 row")
    return rearrange(query, "item head row key -> item head key row")


def change_of(
    one: Float[Tensor, "one number way place"], other: Float[Tensor, "item number way place"]
) -> Float[Tensor, "item place"]:
    """Squared change of each key or row over the mean square; 0 where it is rounding.

    Of several ways to the same place it counts in which it changes little; not the very least,
    which is small by chance where there are many.
    """
    if one.shape[1:] != other.shape[1:]:
        raise PositionsError("its attention is of another shape in each pass")
    noise, ways = NOISE[one.dtype] ** 2, one.shape[2]
    one, other = one.double(), other.double()
    difference = (other - one).square()
    difference = torch.where(difference.isnan(), torch.inf, difference)  # a mask hides it from both
    little = difference[:, :, 0]
    if ways > 1:
        little = difference.kthvalue(max(1, int(ways * LITTLE)), dim=2).values
    little = torch.where(little.isinf(), 0.0, little)
    square = torch.where(one.isfinite(), one, 0.0).square()
    change = little.sum(1) / square.mean(2).sum(1).mean().clamp(min=1e-30)
    return torch.where(change > noise, change, 0.0)


def order_of(first: Tensor, second: Tensor) -> Places | None:
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


def changed_of_each(
    one: Float[Tensor, "one number way key"],
    other: Float[Tensor, "item number way key"],
    heads: int,
) -> Bool[Tensor, "head item key"]:
    """Whether each key of each head changes."""
    each = zip(one.chunk(heads, 1), other.chunk(heads, 1), strict=True)
    return torch.stack([change_of(*pair) > 0 for pair in each])


def lie_apart(changed: Bool[Tensor, "head item key"]) -> bool:
    """Whether the heads of an attention change at different keys, as windows do."""
    changed = changed[changed.flatten(1).any(1)]  # others are dead
    if not len(changed):
        return False
    somewhere = changed.any(0)
    alike = changed.all(0) | ~somewhere
    return int((~alike).sum()) > FEW * int(somewhere.sum())


def has_several_places(changed: Bool[Tensor, "head item key"]) -> bool:
    """Whether some keys of a head lie elsewhere than others."""
    elsewhere = (changed != changed.any(2, keepdim=True)) & changed.any(1, keepdim=True)
    return bool(elsewhere.any())


def side_by_side(
    keys: Float[Tensor, "picture number way every_key"], items: int
) -> Float[Tensor, "picture numbers way key"]:
    """The items of a picture where the heads of an attention stand."""
    pattern = "picture number way (item key) -> picture (item number) way key"
    return rearrange(keys, pattern, item=items)


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


def marked(output: Tensor, scores: Tensor, order: Places) -> Tensor:
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


def of_first(found: Tensor, order: Places) -> Tensor:
    """What the first picture's attention returns, for all pictures of the batch."""
    split = found.reshape(order.outer, -1, order.inner, *found.shape[1:])
    return split[:, :1].expand_as(split).reshape(found.shape)
