"""The nouns that travel between the rooms: frozen, with their shapes in the types.

Tensors are written `batch block head read token`; see the glossary in docs/glossary.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from numpy.typing import NDArray
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
    "pad" resizes the long side and fills the rest with `fill` (one grey or red, green, blue;
    0 ... 255). `resize` is `size` where it is None. `crop_rounding` is what the library does with
    half a pixel when it centres the crop: timm, torchvision, open_clip round it, Hugging Face
    cuts it off.
    """

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: Literal["crop", "squash", "pad"] = "crop"
    resize: int | tuple[int, int] | None = None
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bicubic"
    fill: int | tuple[int, int, int] = 0
    crop_rounding: Literal["round", "floor"] = "round"


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
    preparation: Preparation | None = None
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
class AttentionCall:
    """One attention as the model asked for it: after rotary embedding, q/k norm, with mask.

    The attention matrix is kept as its factors; its rows are made when asked for.
    """

    query: Float[Tensor, "batch head row dim"]
    key: Float[Tensor, "batch head token dim"]
    value: Float[Tensor, "batch head token dim"]
    mask: Tensor | None
    scale: float

    def only(self, rows: slice | Tensor) -> AttentionCall:
        """The same call for some of its query rows."""
        mask = self.mask
        if mask is not None and mask.shape[-2] == self.query.shape[-2]:
            mask = mask[..., rows, :]
        return AttentionCall(self.query[..., rows, :], self.key, self.value, mask, self.scale)

    def scores(self) -> Float[Tensor, "batch head row token"]:
        """`S = q k^T * scale + mask`, before softmax; at least float32."""
        precise = torch.promote_types(self.query.dtype, torch.float32)
        scores = (self.query.to(precise) * self.scale) @ self.key.to(precise).mT
        if self.mask is None:
            return scores
        if self.mask.dtype == torch.bool:
            return scores.masked_fill(~self.mask, float("-inf"))
        return scores + self.mask.to(precise)


@dataclass(frozen=True)
class BlockRecord:
    """What is kept of one block: the values, and the scores of the read tokens' rows.

    Where only prefix tokens are read the scores are kept; where every token is read they would
    grow with tokens squared, so they are made from the call, one block at a time.
    """

    value: Float[Tensor, "batch head token dim"]
    rows: Tensor | AttentionCall

    @property
    def scores(self) -> Float[Tensor, "batch head read token"]:
        """Scores of the read rows, before softmax, after scale and bias."""
        return self.rows if isinstance(self.rows, Tensor) else self.rows.scores()


@dataclass(frozen=True)
class Recording:
    """One pass without gradients; knows no target, so it serves any number of them.

    `blocks` serves gradients and raw attention; `calls` holds every block's attention as its
    factors, kept only if a method needs whole matrices (empty otherwise).
    """

    pixels: Float[Tensor, "batch 3 height width"]
    logits: Float[Tensor, "batch class"]
    blocks: tuple[BlockRecord, ...]
    calls: tuple[AttentionCall, ...]
    layout: Layout

    @property
    def grid(self) -> Grid:
        """Where the tokens lie."""
        return self.layout.grid


@dataclass(frozen=True)
class ReadBlock:
    """One block, asked about a target: scores, and gradients of its logit, at the read rows."""

    scores: Float[Tensor, "batch head read token"]
    gradients: Float[Tensor, "batch head read token"]


@dataclass(frozen=True)
class ReadTrace:
    """A recording asked about one target a picture; blocks may be made one at a time, lazily.

    `gradients = d y_target / d attention`, the inputs of every self-attention detached.
    """

    blocks: Iterable[ReadBlock]
    grid: Grid


@dataclass(frozen=True)
class AttentionTrace:
    """The attention of every block (class-agnostic), and which rows the classifier reads."""

    calls: tuple[AttentionCall, ...]
    reads: tuple[int, ...]
    grid: Grid


@dataclass(frozen=True)
class FullBlock:
    """One attention of the whole graph, and the tokens that entered its block.

    `gradients = d y_target / d attention` and `token_gradients = d y_target / d tokens`, under
    ordinary autograd: nothing detached, later attention matrices follow earlier ones.
    """

    attention: Float[Tensor, "batch head row token"]
    gradients: Float[Tensor, "batch head row token"]
    tokens: Float[Tensor, "batch token dim"]
    token_gradients: Float[Tensor, "batch token dim"]


@dataclass(frozen=True)
class FullTrace:
    """The whole graph asked about one target a picture; memory grows with tokens squared."""

    blocks: tuple[FullBlock, ...]
    reads: tuple[int, ...]
    grid: Grid


@dataclass(frozen=True)
class BlockTrace:
    """Every block asked about the target as if the classifier stood right behind it.

    `gradients` holds, for each attention, d s_block / d attention, nothing of it from other
    blocks: s_block is the target logit of the classifier on the block's mean token; with an
    attention pooling classifier, of the pooled tokens of the block, and the attention is that of
    the pool (its rows are the pool's queries).
    """

    gradients: tuple[Float[Tensor, "batch head row token"], ...]
    grid: Grid


@dataclass(frozen=True)
class GridTrace:
    """Only where the tokens lie and how many pictures there are: enough for chance rows."""

    batch: int
    grid: Grid


Trace = ReadTrace | AttentionTrace | FullTrace | BlockTrace | GridTrace


@dataclass(frozen=True)
class Method:
    """A method: a pure function from the evidence it needs to relevance per patch.

    `passes` says in words what it costs beside a plain forward pass.
    """

    name: str
    function: Callable[[Any], Float[Tensor, "batch patch"]]
    needs: type[Trace]
    class_specific: bool
    passes: str
    cite: str


@dataclass(frozen=True)
class BoxCase:
    """One map and the boxes that people drew: what localization is judged by.

    `relevance` is (row, column), raw, NaN where the model never saw the picture; `boxes` is
    (box, 4), left, top, right, bottom in pixels of the map, right and bottom just outside.
    """

    relevance: NDArray[Any]
    boxes: NDArray[Any]


@dataclass(frozen=True)
class MosaicCase:
    """One map (row, column) over a mosaic of pictures, and which `cell` shows the target.

    The mosaic has `rows` x `columns` cells of one size, counted row by row from 0.
    """

    relevance: NDArray[Any]
    rows: int
    columns: int
    cell: int


@dataclass(frozen=True)
class CurveCase:
    """The target's probability while pixels are removed, from the whole picture to nothing.

    `morf` (most relevant first) and `lerf` (least relevant first) have one value a step; the first
    and the last are the same pictures in both.
    """

    morf: NDArray[Any]
    lerf: NDArray[Any]


@dataclass(frozen=True)
class GroupCase:
    """Pixels in groups of one size: relevance in each, and the loss of probability without it."""

    relevance: NDArray[Any]
    drops: NDArray[Any]


Case = BoxCase | MosaicCase | CurveCase | GroupCase


@dataclass(frozen=True)
class Metric:
    """A metric: a pure function from the case it needs to one number for one picture, never NaN.

    `chance` gives what a random map gets on average in that case, or is None where no formula is
    known (the chance rows of a table then tell). `on_empty` says what is returned for empty truth,
    for an empty prediction and for a constant map.
    """

    name: str
    function: Callable[[Any], float]
    needs: type[BoxCase] | type[MosaicCase] | type[CurveCase] | type[GroupCase]
    better: Literal["higher", "lower"]
    chance: Callable[[Any], float] | None
    on_empty: str
    cite: str
