"""Evaluation mode: a model as inference runs it, held still, and put back as it was."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import torch
from torch import nn

from ..errors import AgcamError, ModelError, ProofError
from ..undo import Lock, Undo, undoing
from .attention import is_capturing

NESTED: Final = (
    "this model is being explained, and something inside its pass (a hook?) tries to explain it "
    "too; explain it outside of its own pass."
)
DEPTH: Final = 2  # calls within calls; the passes of black-box methods capture nothing to see
CHANGED: Final = (
    "the model was {what} while it was explained (by another thread?), so no map was made; explain "
    "a copy (copy.deepcopy(model)), or wait until nobody else works with it."
)


class _Hold:
    """Which thread explains with a model, and how many calls deep; the others wait."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.thread: int | None = None
        self.depth = 0


_holds: Final[weakref.WeakKeyDictionary[nn.Module, _Hold]] = weakref.WeakKeyDictionary()


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Hold a model still: evaluation mode, fused attention, no compiled code, ordinary autograd.

    One explanation at a time touches a model (a lock for each model): two threads may share it.
    Training flags, attention switches, grad mode, inference mode are as before afterwards.
    Raises ModelError where this thread is explaining the model already, and ProofError where
    another thread changed its weights or training flags meanwhile.
    """
    hold = _holds.setdefault(module, _Hold())
    nested = hold.thread == threading.get_ident()
    if nested and (is_capturing() or hold.depth >= DEPTH):
        raise ModelError(NESTED)
    with undoing() as undo:
        hold.lock.take(undo)
        undo.set(hold, "thread", threading.get_ident())
        undo.set(hold, "depth", hold.depth + 1)
        # it changes within a pass, and torch's own context managers may be interrupted
        undo.add(partial(torch._C._set_grad_enabled, torch.is_grad_enabled()))
        _allow_nan(undo)
        parts = list(module.modules())
        unfused = _unfused(parts)
        for part in parts:
            undo.set(part, "training", False)
            _fuse_attention(undo, part, unfused)
        if any(_is_compiled(part) for part in parts):
            stance = torch.compiler.set_stance("force_eager")
            undo.add(partial(stance.__exit__, None, None, None))
        before = _weights(parts)
        try:
            with torch.inference_mode(mode=False), torch.no_grad():
                yield
        except AgcamError as error:
            _check_unchanged(parts, before, error)
            raise
        _check_unchanged(parts, before)


def _check_unchanged(
    parts: Sequence[nn.Module], before: list[tuple[int, int]], cause: AgcamError | None = None
) -> None:
    """Refuse what was made of a model that somebody else changed meanwhile."""
    if any(part.training for part in parts):
        raise ProofError(CHANGED.format(what="put into training mode")) from cause
    if _weights(parts) != before:
        raise ProofError(CHANGED.format(what="trained")) from cause


def _allow_nan(undo: Undo) -> None:
    """Anomaly detection would take the NaN of unread tokens for an error."""
    if torch.is_anomaly_enabled():
        check = torch.is_anomaly_check_nan_enabled()
        undo.add(partial(torch.set_anomaly_enabled, True, check))
        torch.set_anomaly_enabled(False)


def _weights(parts: Sequence[nn.Module]) -> list[tuple[int, int]]:
    """Which tensors the weights are, and how often each was changed in place."""
    return [
        (id(weight), weight._version)
        for part in parts
        for weight in part._parameters.values()
        if weight is not None and not weight.is_inference()
    ]


def _fuse_attention(undo: Undo, part: nn.Module, unfused: Collection[int]) -> None:
    """Switch attention to torch's function: timm by a flag, Hugging Face by each part's config."""
    attributes = vars(part)  # getattr would search every part in vain for what few have
    if attributes.get("fused_attn") is False:
        undo.set(part, "fused_attn", True)
    config: Any = attributes.get("config")
    kind = getattr(config, "_attn_implementation", None)
    wanted = "eager" if id(config) in unfused else "sdpa"
    if isinstance(kind, str) and kind != wanted:
        undo.set(config, "_attn_implementation_internal", wanted)


def _unfused(parts: Sequence[nn.Module]) -> frozenset[int]:
    """Configurations of Hugging Face models whose attention torch's function does not compute.

    Such a model's own code does (VideoPrism caps its scores), and is followed there.
    """
    models = (part for part in parts if getattr(type(part), "_supports_sdpa", True) is False)
    return frozenset(id(vars(model).get("config")) for model in models)


def _is_compiled(part: nn.Module) -> bool:
    return "_orig_mod" in part._modules or vars(part).get("_compiled_call_impl") is not None


def _after_fork() -> None:
    """Another thread's hold on a model would never end in this process."""
    for hold in _holds.values():
        if hold.thread != threading.get_ident():
            hold.lock, hold.thread, hold.depth = Lock(), None, 0


os.register_at_fork(after_in_child=_after_fork)
