"""A hash of a model's weights, so that a map can be traced to what made it."""

from __future__ import annotations

import hashlib
import weakref

import torch
from torch import Tensor, nn

_known: weakref.WeakKeyDictionary[nn.Module, tuple[object, str]] = weakref.WeakKeyDictionary()


def weights_hash(module: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of all parameters and buffers.

    Kept until a tensor is written to (torch counts writes, but not those through `.data` or a
    numpy view) or replaced.
    """
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    if any(tensor.is_inference() or tensor.is_meta for tensor in state.values()):
        return _hash(state)
    key = tuple((name, tensor.data_ptr(), tensor._version) for name, tensor in state.items())
    if module not in _known or _known[module][0] != key:
        _known[module] = (key, _hash(state))
    return _known[module][1]


def _hash(state: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        if not tensor.is_meta:
            # bytes, also of types that numpy does not know (bfloat16)
            flat = tensor.contiguous().cpu().reshape(-1).view(torch.uint8)
            digest.update(flat.numpy().data)
    return digest.hexdigest()
