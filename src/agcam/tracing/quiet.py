"""Run a model as it is, in evaluation mode, and put back whatever was touched."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_locks_lock = threading.Lock()


@contextmanager
def quiet(module: nn.Module) -> Iterator[None]:
    """Hold a model still: eval mode, fused attention, no compiled code, ordinary autograd.

    One explanation at a time touches a model (a lock for each model): two threads may share it.
    Training flags, attention switches, grad mode, inference mode are as before afterwards.
    """
    with _lock_of(module), ExitStack() as undo:
        undo.enter_context(torch.inference_mode(mode=False))
        undo.enter_context(torch.no_grad())
        if _is_compiled(module):
            undo.enter_context(torch.compiler.set_stance("force_eager"))
        for part in module.modules():
            _set(undo, part, "training", False)
            if getattr(part, "fused_attn", None) is False:  # timm's switch
                _set(undo, part, "fused_attn", True)
            _fuse_hugging_face(undo, part)
        yield


def _lock_of(module: nn.Module) -> threading.RLock:
    with _locks_lock:
        return _locks.setdefault(module, threading.RLock())


def _set(undo: ExitStack, owner: Any, name: str, value: object) -> None:
    before = getattr(owner, name)
    if before != value:
        undo.callback(setattr, owner, name, before)
        setattr(owner, name, value)


def _fuse_hugging_face(undo: ExitStack, part: nn.Module) -> None:
    """Hugging Face reads the attention kind from each submodule's config at every call."""
    config = getattr(part, "config", None)
    kind = getattr(config, "_attn_implementation", None)
    if isinstance(kind, str) and kind != "sdpa":
        _set(undo, config, "_attn_implementation_internal", "sdpa")


def _is_compiled(module: nn.Module) -> bool:
    return any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )
