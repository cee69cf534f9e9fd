"""Run a model as it is, in evaluation mode, and put back whatever was touched."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import nn

from ..errors import AgcamError, ModelError, ProofError
from ..undo import Lock, Undo, undoing
from .attention import is_capturing

AGAIN: Final = (
    "this model is being explained, and something inside its pass (a hook?) asks to explain it "
    "once more; explain it outside of its own pass."
)
DEPTH: Final = 2  # a pass that listens to nothing is not seen: then it ends one call later
CHANGED: Final = (
    "the model was {what} while it was explained (by another thread?), so no map was made; explain "
    "a copy (copy.deepcopy(model)), or wait until nobody else works with it."
)


class _Turn:
    """One explanation at a time touches a model; the others wait."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.owner: int | None = None
        self.depth = 0


_turns: weakref.WeakKeyDictionary[nn.Module, _Turn] = weakref.WeakKeyDictionary()


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """Hold a model still: eval mode, fused attention, no compiled code, ordinary autograd.

    One explanation at a time touches a model (a lock for each model): two threads may share it.
    Training flags, attention switches, grad mode, inference mode are as before afterwards.
    Raises ModelError where the model is already being explained by this thread, and where another
    thread changed its weights or training flags meanwhile.
    """
    turn = _turns.setdefault(module, _Turn())
    inside = turn.owner == threading.get_ident()
    if inside and (is_capturing() or turn.depth >= DEPTH):
        raise ModelError(AGAIN)
    with undoing() as undo:
        turn.lock.take(undo)
        undo.set(turn, "owner", threading.get_ident())
        undo.set(turn, "depth", turn.depth + 1)
        _keep_grad_mode(undo)
        _allow_nan(undo)
        parts = list(module.modules())
        for part in parts:
            undo.set(part, "training", False)
            if getattr(part, "fused_attn", None) is False:  # timm's switch
                undo.set(part, "fused_attn", True)
            _fuse_hugging_face(undo, part)
        if any(_is_compiled(part) for part in parts):
            stance = torch.compiler.set_stance("force_eager")
            undo.add(lambda: stance.__exit__(None, None, None))
        before = _versions(module)
        try:
            with torch.inference_mode(mode=False), torch.no_grad():
                yield
        except AgcamError as error:
            _unchanged(module, before, error)
            raise
        _unchanged(module, before)


def _unchanged(
    module: nn.Module, before: list[tuple[int, int]], cause: AgcamError | None = None
) -> None:
    """Refuse what was made of a model that somebody else changed meanwhile."""
    if any(part.training for part in module.modules()):
        raise ProofError(CHANGED.format(what="put into training mode")) from cause
    if _versions(module) != before:
        raise ProofError(CHANGED.format(what="trained")) from cause


def _keep_grad_mode(undo: Undo) -> None:
    """It changes within a pass, and torch's own context managers may be interrupted."""
    grad = torch.is_grad_enabled()
    undo.add(lambda: torch._C._set_grad_enabled(grad))


def _allow_nan(undo: Undo) -> None:
    """Anomaly detection would take the NaN of tokens that nobody reads for an accident."""
    if torch.is_anomaly_enabled():
        check = torch.is_anomaly_check_nan_enabled()
        undo.add(lambda: torch.set_anomaly_enabled(True, check))
        torch.set_anomaly_enabled(False)


def _versions(module: nn.Module) -> list[tuple[int, int]]:
    """Which tensors the weights are, and how often each was changed in place."""
    return [
        (id(weight), weight._version) for weight in module.parameters() if not weight.is_inference()
    ]


def _fuse_hugging_face(undo: Undo, part: nn.Module) -> None:
    """Hugging Face reads the attention kind from each submodule's config at every call."""
    config: Any = getattr(part, "config", None)
    kind = getattr(config, "_attn_implementation", None)
    if isinstance(kind, str) and kind != "sdpa":
        undo.set(config, "_attn_implementation_internal", "sdpa")


def _is_compiled(part: nn.Module) -> bool:
    return hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None


def _after_fork() -> None:
    """A turn that another thread had taken would never end in this process."""
    for turn in _turns.values():
        if turn.owner != threading.get_ident():
            turn.lock, turn.owner, turn.depth = Lock(), None, 0


os.register_at_fork(after_in_child=_after_fork)
