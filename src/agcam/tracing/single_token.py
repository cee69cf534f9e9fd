"""Attention of one row and one key: a token that holds the whole picture, or a pool over one.

At a small input the last stage of a hierarchy is one token. Its attention counts as it does at any
other size. A pool over that token has a query of its own, which the picture does not change.
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
    """For each call, whether its query and values are made of pixels without attention.

    None where explicit scores, which hold the key too, are not seen to be a product with it.
    """
    leaf, found = pixels.detach().clone().requires_grad_(), list[bool | None]()

    def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        torch.set_grad_enabled(True)  # also in a part that runs without gradients
        both = [id(leaf) in leaves_leading_to(one) for one in (call.query, call.value)]
        products = factors_of_last_products(call.query) if call.key is None else None
        if all(both) and products is not None:
            in_all = [all(id(leaf) in factor for factor in factors) for factors in products]
            found.append(any(in_all) if products else None)
        else:
            found.append(all(both))
        with torch.no_grad():
            return as_torch()

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
