"""A model, as far as agcam must know it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from .picture import PICTURE, Grid, Medium
from .places import Places
from .preparation import Preparation, Transform, preparation_text
from .sound import SoundPreparation

Scores = Literal["softmax", "sigmoid", "none", "probability"]
"""How logits become probabilities.

"softmax": exactly one class is right; "sigmoid": each class for itself (multi-label, one logit);
"none": there are no probabilities (regression, embeddings); "probability": the outputs are
probabilities already, because the model ends in a softmax or sigmoid of its own.
"""


@dataclass(frozen=True)
class Scalar:
    """A number that a classifier gives beside its logits: a target that is not a class.

    `other_side` is the class whose other side it is (minus its logit), where it is one; `limit` is
    its highest value, at which it has no gradient, where there is one.
    """

    name: str
    other_side: int | None = None
    limit: float | None = None


@dataclass(frozen=True, repr=False)
class Classifier:
    """A model ready to be run: pixels in, logits out, and what its classes are called.

    `module` is the user's own module, never changed. `predict` runs it on prepared pixels
    (batch, channel, height, width) and returns logits (batch, class), or raises ModelError where
    there are none. `output` gives what the module itself returns, whole, also where it has no
    classifier. `tower` is the part that holds the vision blocks. `scores` says how logits become
    probabilities. `with_prompts` makes a classifier over text prompts (CLIP-like). `scalars` are
    what the last columns of `predict` stand for where they are not classes.
    `variant` tells classifiers of one module apart whose `predict` computes different things of it
    (another function of its output): what a survey finds out is remembered for each.
    `medium` is what it takes: pictures, or clips or sound, whose pixels have other axes; `sound`
    is how a spectrogram is made for it.
    """

    module: nn.Module
    predict: Callable[[Tensor], Tensor]
    name: str
    family: str
    preparation: Preparation | Transform | None = None
    class_names: tuple[str, ...] = ()
    tower: nn.Module | None = None
    with_prompts: Callable[[Sequence[str]], Classifier] | None = None
    notes: tuple[str, ...] = ()
    scores: Scores = "softmax"
    output: Callable[..., Any] | None = None
    scalars: tuple[Scalar, ...] = ()
    variant: Hashable = None
    medium: Medium = PICTURE
    sound: SoundPreparation | None = None

    def __repr__(self) -> str:
        """What it is, in one or two lines."""
        named = ", ".join(self.class_names[:3]) + (", ..." if len(self.class_names) > 3 else "")
        classes = f"{len(self.class_names)} classes: {named}" if named else "classes without names"
        kind = "text prompts" if self.with_prompts is not None and not named else classes
        return (
            f"Classifier({self.name}, family {self.family}, {kind}; scores: {self.scores};\n"
            f"    preparation: {preparation_text(self.sound or self.preparation, 'unknown')})"
        )

    @property
    def device(self) -> str:
        """The kind of device that its weights are on: "cpu", "cuda" ..."""
        parameter = next(self.module.parameters(), None)
        return "cpu" if parameter is None else parameter.device.type

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
    `build` makes the bare module of an architecture, untrained, for a checkpoint file: by its name,
    the number of classes (None: the library's own, 0: no classifier) and, only where the file needs
    others than the library's own, `size` (side of the input in pixels), `channels` and `pool`.
    `explains` says of a listed name whether methods that read attention explain it (None: unknown),
    `several_grids` whether those alone do that are defined for windows and several grids.
    """

    name: str
    cite: str
    owns: Callable[[nn.Module], bool]
    load: Callable[[str], Classifier]
    wrap: Callable[[nn.Module, str], Classifier]
    build: Callable[..., nn.Module]
    listed: Callable[[], list[str]]
    explains: Callable[[str], bool | None] = lambda name: None
    several_grids: Callable[[str], bool] = lambda name: False


@dataclass(frozen=True)
class Layout:
    """What a survey found of one model at one input size; proved by every replay.

    Attributes:
        grid: Where the patch tokens lie.
        calls: For each attention call of a forward pass, in order: whether it is the self-attention
            of a block (a pooling head is not).
        blocks: Names of the modules that hold the self-attention.
        reads: The tokens of the last block that the classifier read in the surveyed picture.
        kept: A replay keeps the first `kept` tokens: all, where what is read may depend on the
            picture.
        token_dim: The axis of the tokens in the sequence (batch or token first).
        tracer: "none" where there is only a grid over the picture of a model that cannot be traced,
            "full" where a replay would miss something.
        why: What a replay would miss, or why a model that could be traced was not.
        branches: The classifier reads other blocks than the last, or may.
        bypassed: What enters the first block goes around it too, so a graph that begins there is
            not complete.
        explicit: Attention is computed in the model's own code, or torch's function is called by a
            name of its own.
        windows_apart: Windows stand on an axis of their own, where attention has its heads.
        heads_first: Heads and pictures are folded into one axis in such an order that only one
            picture can be explained at a time.
        places: Where the keys and rows of each attention lie, of those that `calls` counts, in
            models that are not one grid of tokens. Empty in those that are.
        stem: With `places`, the number of the convolution whose feature map holds the tokens of the
            grid; None where there is none, so that it is one of pixels.

    """

    grid: Grid
    calls: tuple[bool, ...]
    blocks: tuple[str, ...]
    reads: tuple[int, ...]
    kept: int
    token_dim: int
    tracer: Literal["replay", "full", "none"] = "replay"
    why: str = ""
    branches: bool = False
    bypassed: bool = False
    explicit: bool = False
    heads_first: bool = False
    windows_apart: bool = False
    places: tuple[Places, ...] = ()
    stem: int | None = None

    @property
    def pooled(self) -> bool:
        """Whether the classifier reads patches (their mean, a maximum, a pool), or windows."""
        return bool(self.places) or any(token >= self.grid.prefix for token in self.reads)

    @classmethod
    def black_box(cls, grid: Grid, why: str = "") -> Layout:
        """Nothing but a grid over the picture: for models that cannot be traced, or were not."""
        return cls(grid, calls=(), blocks=(), reads=(), kept=0, token_dim=1, tracer="none", why=why)
