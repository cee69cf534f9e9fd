"""What the shapes in a file state of its architecture: classes, channels, input size, pooling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from ...errors import LoadError
from ..heads import HEAD_NAMES

MOST_CLASSES: Final = 1_000_000
DEEPEST_HEAD: Final = 3
POSITIONS: Final = ("pos_embed", "position_embeddings", "pos_embedding")
Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Form:
    """How an architecture is built for a file; None: as the library builds it."""

    classes: int | None = None
    channels: int | None = None
    size: int | None = None
    pool: str | None = None
    facts: tuple[str, ...] = field(default=(), compare=False)  # for the note

    def options(self) -> dict[str, Any]:
        """Those that differ from the library's own, by name."""
        given = asdict(self)
        return {k: v for k, v in given.items() if k not in {"classes", "facts"} and v is not None}


def shapes_of(weights: Mapping[str, Tensor]) -> Shapes:
    """Shapes by name."""
    return {name: tuple(tensor.shape) for name, tensor in weights.items()}


def form_of(path: Path, module: nn.Module, given: Shapes) -> Form:
    """Compare the shapes `given` by the file with those of the bare architecture.

    They have the architecture's names, and the file's own for what the architecture lacks.
    """
    own = shapes_of(module.state_dict())
    classes = _classes(path, own, given)
    channels, size = _channels(own, given), _size(module, own, given)
    pool = _pool(own, given)
    facts = [
        f"{size} x {size} pixels" if size else "",
        f"{channels} channel{'s' if channels != 1 else ''}" if channels else "",
        f"{classes} class{'es' if classes != 1 else ''}" if classes else "",
        {"avg": "the mean of the patches", "token": "the class token"}.get(pool or "", ""),
    ]
    return Form(classes, channels, size, pool, tuple(filter(None, facts)))


def head_names(own: Shapes) -> list[str]:
    """Names of the classifier's own tensors: its last matrix, the bias, and twins of them."""
    matrices = [name for name, shape in own.items() if _is_head(name) and _is_matrix(shape)]
    heads = [name.removesuffix("weight") for name in matrices if own[name] == own[matrices[-1]]]
    return [name for name in own if any(name in {f"{h}weight", f"{h}bias"} for h in heads)]


def _is_matrix(shape: tuple[int, ...]) -> bool:
    """A linear layer's, or that of a convolution which looks at one place."""
    return len(shape) == 2 or (len(shape) == 4 and shape[2:] == (1, 1))


def _is_head(name: str) -> bool:
    *path, kind = name.split(".")
    return kind == "weight" and len(path) <= DEEPEST_HEAD and not set(HEAD_NAMES).isdisjoint(path)


def _classes(path: Path, own: Shapes, given: Shapes) -> int | None:
    """The number of classes of the file, if it differs from the architecture's own."""
    for name in reversed(head_names(given)):
        shape = given[name]
        if not _is_matrix(shape):
            continue
        if name in own and (shape == own[name] or shape[1:] != own[name][1:]):
            return None
        if name not in own and head_names(own):
            return None
        if shape[0] > MOST_CLASSES:
            raise LoadError(
                f"{path} claims {shape[0]:,} classes ({name}); agcam takes at most "
                f"{MOST_CLASSES:,}."
            )
        return shape[0]
    return None


def _channels(own: Shapes, given: Shapes) -> int | None:
    """Channels that the first convolution of the file takes, if others than here."""
    for name, shape in own.items():
        if len(shape) == 4 and name.endswith("weight"):
            there = given.get(name, shape)
            other = len(there) == 4 and there[1] != shape[1]
            return there[1] if other and there[2:] == shape[2:] else None
    return None


def _size(module: nn.Module, own: Shapes, given: Shapes) -> int | None:
    """Side of the square input that the file's position embeddings are for, if another."""
    for name, shape in own.items():
        there = given.get(name, shape)
        if not name.endswith(POSITIONS) or len(there) != 3 or there[1] == shape[1]:
            continue
        patch, patches = patch_size(own), patches_of(module, own)
        if patch is None or patches is None or there[2] != shape[2]:
            return None
        left = there[1] - (shape[1] - patches)
        side = math.isqrt(max(left, 0))
        return side * patch if side and side * side == left else None
    return None


def patch_size(own: Shapes) -> int | None:
    """Side of a patch in pixels, where the first convolution cuts square patches."""
    kernels = [shape[2:] for name, shape in own.items() if len(shape) == 4]
    return kernels[0][0] if kernels and kernels[0][0] == kernels[0][1] else None


def patches_of(module: Any, own: Shapes) -> int | None:
    """Patches of the architecture's own input size."""
    grid = getattr(getattr(module, "patch_embed", None), "grid_size", None)
    if grid is not None:
        return int(grid[0]) * int(grid[1])
    size = getattr(module, "image_size", None) or getattr(
        getattr(module, "config", None), "image_size", None
    )
    patch = patch_size(own)
    return (size // patch) ** 2 if isinstance(size, int) and patch else None


def _pool(own: Shapes, given: Shapes) -> str | None:
    """How timm pools: it norms after pooling (`fc_norm`) where it takes the mean of the patches."""
    here, there = ({"norm", "fc_norm"} & {n.split(".")[0] for n in some} for some in (own, given))
    if here == {"norm"} and there == {"fc_norm"}:
        return "avg"
    if here == {"fc_norm"} and there == {"norm"}:
        return "token"
    return None


def check_tensors(path: Path, weights: Mapping[str, Tensor]) -> None:
    """LoadError for tensors that are not plain numbers (meta, sparse, complex, quantised, ...)."""
    for name, tensor in weights.items():
        kind = _oddity(tensor)
        if kind:
            raise LoadError(
                f"{path}: {name} is {kind}; a file of weights has ordinary dense numbers. Save "
                "model.state_dict() of the model as it runs."
            )


def _oddity(tensor: Tensor) -> str:
    kinds = {
        "on the meta device, a shape without numbers": tensor.is_meta,
        "a nested tensor": tensor.is_nested,
        "sparse": tensor.layout is not torch.strided,
        "complex": tensor.is_complex(),
        "quantised": tensor.is_quantized,
    }
    odd = next((kind for kind, is_so in kinds.items() if is_so), "")
    if odd:
        return odd
    if tensor.untyped_storage().nbytes() < tensor.numel() * tensor.element_size():
        return f"a tensor of {tensor.numel():,} numbers of which the file holds a few, repeated"
    return ""
