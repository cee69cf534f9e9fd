"""Spreading over what is linked, where attentions lie on grids of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..values import AttentionCall, Places, precise
from ..values.places import Parts
from .rollout import mean_attention
from .sums import chunks, over_blocks


class Link(NamedTuple):
    """How strongly cells are linked: `W = U M P` (see `Places.rows_to_keys`), M by parts."""

    places: Places
    parts: Callable[[], Parts]


def spread(
    relevance: Float[Tensor, "picture target cell"], links: Sequence[Link]
) -> Float[Tensor, "picture target cell"]:
    """Means over linked cells, `(W r/c) / (W 1/c)` with `c = 1 W`, W the sum over the links.

    A cell's weight is shared out among all that are linked to it. One that is linked to none keeps
    what it has.
    """
    ones = torch.ones_like(relevance[:, :1])
    linked = over_blocks([link.places.rows_to_keys(ones, link.parts()) for link in links])
    given = torch.cat([relevance, ones], dim=1)
    given = torch.where(linked > 0, given / linked, 0.0)
    found = over_blocks([link.places.keys_to_rows(given, link.parts()) for link in links])
    result, weights = found[:, :-1], found[:, -1:]
    return torch.where(weights > 0, result / weights, relevance)


def attention(call: AttentionCall, places: Places) -> Link:
    """From rows to what they attend to: M is the mean over heads of A."""

    def parts() -> Iterator[tuple[slice, Tensor]]:
        for some, rows in mean_attention(call):
            yield some, rows.clamp(min=0)  # talking heads may make it negative

    return Link(places, parts)


def likeness(call: AttentionCall, places: Places, temperature: float) -> Link:
    """From keys to keys of the whole picture whose values are like theirs.

    M is `exp(cosine / temperature)`, rows made to sum to 1; of values with heads side by side, less
    their mean over the keys that lie somewhere; its own is as unlike as can be.
    """
    by_dim = rearrange(call.value, "item head key dim -> item head dim key")
    keys, axes = places.together(places.by_picture(by_dim).flatten(1, 2).mT)
    keys = precise(keys)
    keys = F.normalize(keys - keys.mean(1, keepdim=True), dim=-1)

    def parts() -> Iterator[tuple[slice, Tensor]]:
        for some in chunks(keys.shape[1]):
            cosine = keys[:, some] @ keys.mT
            cosine[:, torch.arange(len(cosine[0])), torch.arange(some.start, some.stop)] = -1
            yield some, (cosine / temperature).softmax(-1)

    return Link(Places(1, 1, axes, axes), parts)
