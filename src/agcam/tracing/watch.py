"""Watch a pass for operations after which numbers no longer show what they were made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..own_operations import is_own_operation

STEERING: Final = frozenset({"_local_scalar_dense", "is_nonzero", "nonzero", "equal", "allclose"})
SWALLOWING_NAN: Final = frozenset(
    {
        *("nan_to_num", "nansum", "nanmedian", "sign", "sgn", "fmax", "fmin"),
        *("copysign", "heaviside", "histc"),
    }
)


RANKING: Final = frozenset({"sort", "topk", "argsort", "argmax", "argmin", "kthvalue"})
COMPUTING_SOFTMAX: Final = re.compile(r"^_(safe_)?softmax$|attention|attn|encoder_layer")


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notices where numbers become Python's own (`steered`), or truths and indices (`hidden`).

    `steered` is looked for from the first block on, where `in_tower` is set, `hidden` from the last
    block on, where `in_head` is.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.in_tower = self.in_head = False
        self.hidden = self.steered = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute as torch would, and look at what became of the numbers."""
        del types
        result = func(*args, **(kwargs or {}))
        if self.in_tower and not is_own_operation():
            name = str(func.overloadpacket.__name__).removesuffix("_")
            self.steered |= name in STEERING
            if self.in_head:
                self.hidden |= name in SWALLOWING_NAN or _became_truths(args, result)
        return result


class Softmaxes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts what computes a softmax over three axes or more, in whatever code it stands.

    And `ranked` is whether numbers were put in order, as those who merge or drop tokens do.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.supports_higher_order_operators = True  # flex_attention
        self.count = 0
        self.ranked = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute as torch would, and count."""
        del types
        result = func(*args, **(kwargs or {}))
        name = str(getattr(func, "overloadpacket", func).__name__)
        if not is_own_operation() and COMPUTING_SOFTMAX.search(name):
            self.count += any(tensor.ndim > 2 for tensor in _tensors(args))
        if name in RANKING and not is_own_operation():
            self.ranked |= any(tensor.is_floating_point() for tensor in _tensors(args))
        return result


def _became_truths(args: Any, result: Any) -> bool:
    """Whether floating numbers went in, and something else than floating numbers came out."""
    given, made = list(_tensors(args)), list(_tensors(result))
    floats = any(tensor.is_floating_point() for tensor in given)
    return floats and any(not tensor.is_floating_point() for tensor in made)


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)
