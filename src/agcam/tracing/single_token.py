"""Attention of one row and one key: a token that holds the whole picture, or a pool over one.

At a small input the last stage of a hierarchy is one token. Its attention counts as it does at any
other size. A pool over that token has a query of its own, which is not made of the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

from ..errors import ModelError
from ..undo import undoing
from ..values import AttentionCall, Classifier
from .attention import capture_attention
from .graph import factors_of_last_products, leaves_leading_to
from .observe import Observation, observe
from .products import Folding
from .untraceable import SINGLE, UntraceableError

LARGER: Final = (2, 4, 8)


def mark_single_tokens(classifier: Classifier, pixels: Tensor, seen: Observation) -> None:
    """Note which calls of one row and one key are self-attention of a single token.

    Raises:
        UntraceableError: It cannot be told.

    """
    numbers = [n for n, call in enumerate(seen.calls) if call.batch * call.queries * call.keys == 1]
    if not numbers:
        return
    of_picture = _made_of_the_picture(classifier, pixels)
    for number in numbers:
        single = of_picture[number]
        if single is None:
            single = _grows(classifier, pixels, seen, number)
        seen.calls[number] = seen.calls[number]._replace(single=single)


def _made_of_the_picture(classifier: Classifier, pixels: Tensor) -> list[bool | None]:
    """For each call, whether its query and values are made of pixels.

    Or of what attention made for rows whose query is: tokens may reach a coarser grid by attention
    alone. None where explicit scores, which hold the key too, are not seen to be a product with it.
    """
    leaf, found = pixels.detach().clone().requires_grad_(), list[bool | None]()
    kept = [leaf]  # alive: they are known by their ids

    def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        torch.set_grad_enabled(True)  # also in a part that runs without gradients
        of_picture = {id(one) for one in kept}
        own: bool | None = not of_picture.isdisjoint(leaves_leading_to(call.value))
        if own and call.key is not None:
            own = not of_picture.isdisjoint(leaves_leading_to(call.query))
        elif own:
            products = factors_of_last_products(call.query)
            in_all = [not any(of_picture.isdisjoint(one) for one in some) for some in products]
            own = any(in_all) if products else None
        found.append(own)
        with torch.no_grad():
            output = as_torch()
        if own is not False:
            kept.append(output.requires_grad_())
        return output

    with torch.enable_grad(), undoing() as undo:
        capture_attention(undo, answer, Folding(len(pixels)), explicit=True)
        classifier.predict(leaf.clone())
    return found


def _grows(classifier: Classifier, pixels: Tensor, seen: Observation, number: int) -> bool:
    """Whether an attention has more rows in a larger picture."""
    refusal = UntraceableError(SINGLE.format(name=classifier.name))
    if not classifier.medium.still:
        raise refusal
    for times in LARGER:  # merges of tokens may make one of several
        try:
            large = pixels.repeat_interleave(times, -1).repeat_interleave(times, -2)
            calls = observe(classifier, large).calls
        except ModelError as error:
            raise refusal from error
        if len(calls) != len(seen.calls):
            raise refusal
        if calls[number].batch * calls[number].queries > 1:
            return True
    return False
