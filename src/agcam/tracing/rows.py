"""Where what a row of attention returns goes: proved by the gradient of later values.

That a row's query is made of some cells does not say that its output is added to the tokens there
(GC-ViT's queries are of the whole picture, its outputs belong to a window).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from ..undo import undoing
from ..values import AttentionCall, Classifier, Layout, Places
from ..values.places import mean_over, shared_out
from .hooks import LayoutMismatchError
from .positions import Found
from .record import capture, logits_of

NO_SKIP: Final = "its tokens go from one grid to the next by attention alone"
NOWHERE: Final = "the rows of one of its attentions lie nowhere on the picture (class tokens)"
OTHER_QUERIES: Final = (
    "the queries of one of its attentions do not show where its rows lie (pooled with overlap, or "
    "made of the whole picture)"
)
CARRIED: Final = (
    "what one of its attentions returns is carried to other places in front of the next (shifted, "
    "pooled or convolved)"
)
END: Final = "what one of its attentions returns is read by no later attention"

CHOSEN: Final = 0.2  # of the next attention's keys
ELSEWHERE: Final = 0.1  # of the squared gradient of rows that lie with them


def with_proved_rows(
    classifier: Classifier, pixels: Tensor, layout: Layout, found: Found
) -> tuple[Places | None, ...]:
    """The places, without rows whose outputs are seen to go elsewhere than where they lie.

    Outputs of attention are leaves, as for gradients of targets. No keys follow the last attention:
    its rows are where its queries are. Another one whose output no keys follow is the end of a
    branch of its own, and has none.
    """
    seen = _Pass(layout)
    with torch.enable_grad():
        with undoing() as undo:
            capture(undo, layout, pixels, seen.answer)
            logits_of(classifier, pixels)
        if len(seen.values) != len(found.places):
            raise LayoutMismatchError
        random = torch.Generator().manual_seed(2)
        holding = [(at, one) for at, one in enumerate(found.places) if one is not None]
        places = list(found.places)
        for number, (at, one) in enumerate(holding):
            later = ((seen.values[n], places_) for n, places_ in holding[number + 1 :])
            each = (_goes_there(seen.outputs[at], *pair, one, random) for pair in later)
            last = number + 1 == len(holding)
            proved = found.shown[at] if last else next((g for g in each if g is not None), None)
            if not (one.rows and proved):
                why = _why(one, found, at, elsewhere=proved is False and not last)
                places[at] = replace(one, rows=(), why_no_rows=why)
    return tuple(places)


def _why(places: Places, found: Found, at: int, *, elsewhere: bool) -> str:
    """Why the rows of an attention have no proved places."""
    if not places.rows:
        return NO_SKIP if found.through_rows else OTHER_QUERIES
    if not bool(places.rows[0].any()):
        return NOWHERE
    if at + 1 == len(found.places):
        return OTHER_QUERIES
    return CARRIED if elsewhere else END


class _Pass:
    def __init__(self, layout: Layout) -> None:
        self._own = iter(layout.calls)
        self.outputs: list[Tensor] = []
        self.values: list[Tensor] = []  # with the graph that leads to the outputs before them

    def answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if next(self._own, None) is not True:
            return as_torch()
        torch.set_grad_enabled(True)  # also in a part that runs without gradients
        with torch.no_grad():
            output = as_torch()
        self.values.append(call.value)
        self.outputs.append(output.requires_grad_())
        return output


def _goes_there(
    output: Tensor, values: Tensor, following: Places, places: Places, random: torch.Generator
) -> bool | None:
    """Whether some keys of a later attention are made of just the rows that lie where they lie.

    None where they are made of none. A little may come from elsewhere: by the edges of
    convolutions, by a gate of the whole picture.
    """
    if not values.requires_grad or not places.rows:
        return None
    keys = following.by_picture(values.movedim(2, -1))  # picture head dim key
    lie = following.weights[0].any(1)
    chosen = (torch.rand(len(lie), generator=random) < CHOSEN) & lie
    chosen[int(lie.int().argmax())] = True
    weights = torch.randn(keys.shape, generator=random).to(keys) * chosen.to(keys)
    (gradient,) = torch.autograd.grad(
        keys, output, weights, retain_graph=True, materialize_grads=True
    )
    rows = places.by_picture(gradient.double().square().sum((1, 3)))[0].cpu()
    cells = shared_out(following.weights, chosen[None].double())
    there, somewhere = mean_over(places.rows, cells)[0] > 0, places.rows[0].any(1)
    if not bool(rows[somewhere].any()):
        return None
    return float(rows[somewhere & ~there].sum()) <= ELSEWHERE * float(rows[there].sum())
