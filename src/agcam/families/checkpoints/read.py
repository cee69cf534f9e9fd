"""Open a file of weights without running any code in it, and find the tensors."""

from __future__ import annotations

import argparse
import datetime
import importlib
import pathlib
import pickle
import re
import threading
import types
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from ...errors import LoadError

_allowing = threading.Lock()
DEEPEST: Final = 3  # mappings within mappings that are searched for weights
WITHIN: Final = re.compile(r"\b(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What torch's wrappers of parts of a model put in the middle of names."""
OF_OPTIMIZERS: Final = re.compile(r"(optim|exp_avg|momentum|scaler|scheduler)", re.I)
TRUSTED: Final = "torch.save(torch.load(FILE, weights_only=False)[...], 'weights.pt')"
DATA_CLASSES: Final = (
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
)
"""Dictionaries of trainers; a plain dictionary stands in for them."""


@dataclass(frozen=True)
class WeightSet:
    """Tensors by name, and where they were in the file ("" for its top, else "state_dict", ...)."""

    where: str
    weights: dict[str, Tensor]


def read(path: Path) -> list[WeightSet]:
    """Every set of named tensors in the file, outermost first.

    Raises LoadError for a missing or broken file, a pickle that would run code, and a file that
    holds no named tensors.
    """
    if not path.is_file():
        kind = "it is a folder; name the file in it" if path.is_dir() else "there is no such file"
        raise LoadError(f"no weights at {path}: {kind}.")
    with path.open("rb") as file:
        other = _other_kind(file.read(400))
    if other:
        raise LoadError(f"{path} holds no weights: {other}.")
    try:
        if _is_safetensors(path):
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            with _allowing_plain_data():
                content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise LoadError(_refusal(path, error)) from error
    except Exception as error:
        if "TorchScript" in str(error):
            raise LoadError(
                f"{path} is a TorchScript archive, a program with its weights: load it with "
                "torch.jit.load(FILE) where you trust it, and give agcam the module."
            ) from error
        raise LoadError(
            f"{path} cannot be read as weights: it is damaged, or of another format."
        ) from error
    found = list(_mappings(content, "", 0))
    if not found:
        raise LoadError(f"{path} holds no weights: save a state_dict, names and tensors.")
    return found


def _other_kind(head: bytes) -> str:
    """What a file is that lies where weights should be, by its first bytes; empty where unknown."""
    if not head:
        return "it is empty"
    if head.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, and the weights were never fetched (git lfs pull)"
    if b"\0" in head:  # weights, of which any byte may come first
        return ""
    if head.lstrip()[:1] == b"<":
        return "it is a web page, as a download without permission gives"
    if head.lstrip()[:1] == b"{":
        return "it is JSON; name the file of weights beside it"
    return ""


def _is_safetensors(path: Path) -> bool:
    """By its name, or by its head: eight bytes of a length, and JSON."""
    with path.open("rb") as file:
        head = file.read(10)
    return path.suffix == ".safetensors" or head[8:] in {b'{"', b"{}"}


def _mappings(content: Any, where: str, depth: int) -> Iterator[WeightSet]:
    if not isinstance(content, Mapping) or depth > DEEPEST:
        return
    named = {key: value for key, value in content.items() if isinstance(key, str)}
    weights = {key: value for key, value in named.items() if isinstance(value, Tensor)}
    if weights:
        yield WeightSet(where, {WITHIN.sub("", key): value for key, value in weights.items()})
    for key, value in named.items():
        if OF_OPTIMIZERS.match(key):
            continue
        yield from _mappings(value, f"{where}.{key}" if where else key, depth + 1)


@contextmanager
def _allowing_plain_data() -> Iterator[None]:
    """Let torch read plain data: for one file at a time, and what the user allowed stays allowed.

    torch keeps one list for the whole process, and takes out again whatever is named here.
    """
    with _allowing:
        allowed = torch.serialization.get_safe_globals()
        more = [kind for kind in _harmless() if kind not in allowed]
        with torch.serialization.safe_globals(more):
            yield


@cache
def _harmless() -> list[Any]:
    """Classes of plain data beside the weights: to build one runs nothing of the file's.

    torch takes them for the one call only; with a name, what stands in for a class of that name.
    """
    scalars: Any = importlib.import_module("numpy._core.multiarray")
    plain = [
        argparse.Namespace,
        types.SimpleNamespace,
        datetime.date,
        datetime.datetime,
        datetime.timedelta,
        datetime.timezone,
        frozenset,
        range,
        slice,
        np.ndarray,
        np.dtype,
        *{type(np.dtype(code)) for code in np.typecodes["All"]},
        # kinds of numbers, which stand in defaultdict(int) and the like
        *(bool, int, float, str, bytes, list, dict, tuple),
    ]
    stands_in: list[tuple[Any, str]] = [(dict, name) for name in DATA_CLASSES]
    stands_in += [(_no_items, "collections.defaultdict"), (_no_entries, "collections.deque")]
    for kind in ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath"):
        pure = pathlib.PureWindowsPath if "Windows" in kind else pathlib.PurePosixPath
        stands_in += [(pure, f"pathlib.{kind}"), (pure, f"pathlib._local.{kind}")]
    for name in ("scalar", "_reconstruct"):
        for room in ("numpy._core.multiarray", "numpy.core.multiarray"):
            stands_in.append((getattr(scalars, name), f"{room}.{name}"))
    return [*plain, *stands_in]


def _no_items(*_: object) -> dict[Any, Any]:
    return {}  # torch fills plain dictionaries and lists only


def _no_entries(*_: object) -> list[Any]:
    return []


def _refusal(path: Path, error: Exception) -> str:
    named = re.search(r"(?:GLOBAL|[Cc]lass|type) ([\w.]+) was not an allowed", str(error))
    what = f" (it names {named[1]})" if named else ""
    return (
        f"{path} is not a file of weights alone: loading it would run code{what}, or it is of "
        "another kind. Save the state_dict (torch.save(model.state_dict(), FILE)) or safetensors, "
        f"and give that; from a file that you trust, {TRUSTED}."
    )
