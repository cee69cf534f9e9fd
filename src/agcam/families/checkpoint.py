"""A file of weights for a named architecture: safetensors or torch, weights only."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from ..errors import LoadError
from ..values import Classifier, Family

NESTS: Final = ("state_dict_ema", "model_ema", "state_dict", "model", "net", "weights")
PREFIXES: Final = ("_orig_mod.", "module.", "model.", "net.")
SHOWN: Final = 4


def load_checkpoint(path: Path, family: Family, architecture: str) -> Classifier:
    """Build `architecture`, with as many classes as the file has, and load the file, strictly.

    Raises LoadError for a missing or broken file, a pickle that would run code, wrong keys.
    """
    weights = _strip(_weights(path))
    module = family.build(architecture, None)
    classes = _classes(module, weights)
    if classes is not None:
        module = family.build(architecture, classes)
    _fit(path, f"{family.name}:{architecture}", module, weights)
    return family.wrap(module.eval(), f"{path.name} ({family.name}:{architecture})")


def _weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise LoadError(f"no weights at {path}: there is no such file.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LoadError(
            f"{path} is not a file of weights alone: loading it would run code, or it is of "
            "another kind. Save the state_dict (torch.save(model.state_dict(), FILE)) or "
            "safetensors, and give that."
        ) from error
    except Exception as error:
        raise LoadError(f"{path} cannot be read as weights: it is broken or not one.") from error
    for nest in NESTS:
        if isinstance(found, Mapping) and isinstance(found.get(nest), Mapping):
            found = found[nest]
    items = found.items() if isinstance(found, Mapping) else ()
    weights = {k: v for k, v in items if isinstance(k, str) and isinstance(v, Tensor)}
    if not weights:
        raise LoadError(f"{path} holds no weights: save a state_dict, names and tensors.")
    return weights


def _strip(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Drop what wrappers (compile, DataParallel, trainers) put before every name."""
    for prefix in PREFIXES * 2:
        if all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def _classes(module: nn.Module, weights: dict[str, Tensor]) -> int | None:
    """The number of classes of the file, if it differs from the architecture's own."""
    for name, tensor in reversed(list(module.state_dict().items())):
        other = weights.get(name)
        if name.endswith("weight") and tensor.ndim == 2 and other is not None:
            same_inputs = other.shape[1:] == tensor.shape[1:]
            return other.shape[0] if same_inputs and other.shape != tensor.shape else None
    return None


def _fit(path: Path, name: str, module: nn.Module, weights: dict[str, Tensor]) -> None:
    own = module.state_dict()
    problems = {
        "missing": [key for key in own if key not in weights],
        "unexpected": [key for key in weights if key not in own],
        "of another shape": [k for k in own if k in weights and own[k].shape != weights[k].shape],
    }
    if any(problems.values()):
        told = "; ".join(
            f"{len(keys)} {kind} ({', '.join(keys[:SHOWN])}{', ...' if len(keys) > SHOWN else ''})"
            for kind, keys in problems.items()
            if keys
        )
        raise LoadError(f"{path} does not fit {name}: {told}. Name its own architecture: --arch.")
    module.load_state_dict(weights)
