"""The nouns that travel between the rooms: frozen, with their shapes in the types.

Tensors are written `batch block head read token`; see the glossary in docs/glossary.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class Grid:
    """How tokens lie on the picture: `prefix` tokens first, then rows x columns, row by row."""

    rows: int
    columns: int
    prefix: int

    @property
    def patches(self) -> int:
        """Number of patch tokens."""
        return self.rows * self.columns

    @property
    def tokens(self) -> int:
        """Number of all tokens."""
        return self.prefix + self.patches


@dataclass(frozen=True)
class Frame:
    """Which part of the original picture the model saw.

    `window` is (left, top, right, bottom) in pixels of the original (width x height, after EXIF
    rotation), as fractions where the resize made them so; it may reach beyond the picture where
    the preparation pads.
    """

    width: int
    height: int
    window: tuple[float, float, float, float]

    @classmethod
    def whole(cls, width: int, height: int) -> Frame:
        """The model saw all of the picture."""
        return cls(width, height, (0.0, 0.0, float(width), float(height)))


@dataclass(frozen=True)
class Preparation:
    """How a model wants its pictures, as data: resize, centre crop, scale, normalize.

    `size` is the (height, width) of the input. `fit` is how the picture is brought to it:
    "crop" resizes the short side to `resize` and crops the centre, "squash" resizes both sides,
    "pad" resizes the long side and fills the rest with `fill`.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Literal["crop", "squash", "pad"] = "crop"
    resize: int | tuple[int, int] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    fill: int = 0


@dataclass(frozen=True)
class Classifier:
    """A model ready to be asked: pixels in, logits out, and what its classes are called.

    `module` is the user's own module, never changed; `predict` runs it on prepared pixels
    (batch, 3, height, width) and returns logits (batch, class); `tower` is the part of it that
    holds the vision blocks. `with_prompts` makes a classifier over text prompts (CLIP-like).
    """

    module: nn.Module
    predict: Callable[[Tensor], Tensor]
    name: str
    family: str
    preparation: Preparation
    class_names: tuple[str, ...] = ()
    tower: nn.Module | None = None
    with_prompts: Callable[[Sequence[str]], Classifier] | None = None
    notes: tuple[str, ...] = ()

    @property
    def vision(self) -> nn.Module:
        """The module whose blocks are traced."""
        return self.module if self.tower is None else self.tower


@dataclass(frozen=True)
class Family:
    """All that must be known of a model library, as data; its import stays inside `load`/`wrap`.

    `owns` says whether a module comes from this library (by the name of its type's module);
    `load` makes a classifier from a name; `wrap` from a module that the user already has;
    `listed` gives the names that `load` takes, as far as the library can list them offline.
    `build` makes the bare module of an architecture, untrained, for a checkpoint file.
    """

    name: str
    library: str
    cite: str
    owns: Callable[[nn.Module], bool]
    load: Callable[[str], Classifier]
    wrap: Callable[[nn.Module, str], Classifier]
    build: Callable[[str, int | None], nn.Module]
    listed: Callable[[], list[str]]


@dataclass(frozen=True)
class Layout:
    """What a survey found out about one model at one input size; proved by every replay.

    `calls` has one entry for each attention call of a forward pass, in order: True for the
    self-attention of a block, False for others (a pooling head). `blocks` names the modules that
    hold them. `reads` are the tokens whose stream the classifier reads; a replay keeps the first
    `kept` tokens of the sequence, found in dimension `token_dim`.
    """

    grid: Grid
    calls: tuple[bool, ...]
    blocks: tuple[str, ...]
    reads: tuple[int, ...]
    kept: int
    token_dim: int
    tracer: Literal["replay", "full"] = "replay"


@dataclass(frozen=True)
class Recording:
    """One pass without gradients; knows no target, so it serves any number of them.

    `scores` (before softmax, after scale and bias) and `values` hold one tensor a block.
    """

    pixels: Float[Tensor, "batch 3 height width"]
    logits: Float[Tensor, "batch class"]
    scores: tuple[Float[Tensor, "batch head read token"], ...]
    values: tuple[Float[Tensor, "batch head token dim"], ...]
    queries: tuple[Float[Tensor, "batch head token dim"], ...]
    layout: Layout

    @property
    def grid(self) -> Grid:
        """Where the tokens lie."""
        return self.layout.grid
