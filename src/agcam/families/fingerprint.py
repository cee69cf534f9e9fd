"""A hash of a model's weights, for manifests; and whether a model is as it was, for memories."""

from __future__ import annotations

import hashlib
import inspect
import io
import weakref
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor, nn

SETTINGS: Final = (bool, int, float, str, type(None))
OF_TORCH: Final = frozenset(vars(nn.Module())) - {"training"}
"""Attributes of every module: its parts and hooks."""
MOST_ITEMS: Final = 100  # of a container whose items are looked at

_known: weakref.WeakKeyDictionary[nn.Module, tuple[object, str]] = weakref.WeakKeyDictionary()


def weights_hash(module: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of all parameters, buffers and packed weights.

    Kept until a tensor is written to or replaced; made again each time where torch cannot tell
    (quantised models, tensors made of others).
    """
    state = _tensors(module)
    key = weights_state(module)
    if key is None:
        return _hash({**state, **_packed(module, state)})
    if module not in _known or _known[module][0] != key:
        _known[module] = (key, _hash(state))
    return _known[module][1]


def weights_state(module: nn.Module) -> tuple[object, ...] | None:
    """A value that changes when a weight is written to or replaced; None where torch cannot tell.

    torch counts writes, but not those through `.data` or a numpy view.
    """
    state = _tensors(module)
    if _packed(module, state) or any(map(_is_uncounted, state.values())):
        return None
    return tuple((name, tensor.data_ptr(), tensor._version) for name, tensor in state.items())


def make_of(module: nn.Module) -> tuple[object, ...]:
    """A value that changes when a part, a hook, a `forward` or an attribute is exchanged or set.

    Nothing of the module is held alive by it. What code reads elsewhere (globals) is not seen.
    """
    return tuple(
        (
            weakref.ref(part),
            inspect.getattr_static(type(part), "forward"),
            (*part._forward_hooks, *part._forward_pre_hooks),
            [
                (name, weak_state(value))
                for name, value in vars(part).items()
                if name not in OF_TORCH
            ],
        )
        for part in module.modules()
    )


def weak_state(value: object, depth: int = 2) -> object:
    """Plain values and containers as they are; other objects by weak reference and settings."""
    if isinstance(value, SETTINGS):
        return value
    if isinstance(value, list | tuple | set | dict):
        if not depth or len(value) > MOST_ITEMS:
            return len(value), id(value)
        if isinstance(value, dict):
            return [(str(key), weak_state(item, depth - 1)) for key, item in value.items()]
        return [weak_state(item, depth - 1) for item in value]
    settings = getattr(value, "__dict__", {}) if not isinstance(value, nn.Module) else {}
    inside = [(name, one) for name, one in settings.items() if isinstance(one, SETTINGS)]
    try:
        return weakref.ref(value), inside
    except TypeError:
        return id(value), inside


def _tensors(module: nn.Module) -> dict[str, Any]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _packed(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Any]:
    """What quantised layers hold beside parameters and buffers."""
    if not any("quantized" in type(part).__module__ for part in module.modules()):
        return {}
    return {name: value for name, value in module.state_dict().items() if name not in state}


def _is_uncounted(tensor: Tensor) -> bool:
    return tensor.is_inference() or tensor.is_meta or hasattr(tensor, "__tensor_flatten__")


def _hash(state: Mapping[str, Any]) -> str:
    digest = hashlib.sha256()
    for name in sorted(state):
        _feed(digest, name, state[name])
    return digest.hexdigest()


def _feed(digest: Any, name: str, value: Any) -> None:
    if isinstance(value, Tensor) and hasattr(value, "__tensor_flatten__"):  # it is made of others
        for part in value.__tensor_flatten__()[0]:
            _feed(digest, f"{name}.{part}", getattr(value, part))
    elif isinstance(value, Tensor):
        _feed_tensor(digest, name, value.detach())
    elif isinstance(value, tuple | list):
        for index, part in enumerate(value):
            _feed(digest, f"{name}.{index}", part)
    elif isinstance(value, torch.ScriptObject):
        file = io.BytesIO()
        torch.save(value, file)
        digest.update(f"{name}\n".encode() + file.getvalue())
    else:
        digest.update(f"{name} {value!r}\n".encode())


def _feed_tensor(digest: Any, name: str, tensor: Tensor) -> None:
    digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
    if tensor.is_meta:
        return
    if tensor.is_quantized:
        tensor = tensor.dequantize()  # its scales are part of what it stands for
    # bytes, also of types that numpy does not know (bfloat16)
    flat = tensor.contiguous().cpu().reshape(-1).view(torch.uint8)
    digest.update(flat.numpy().data)
