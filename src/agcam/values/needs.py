"""What a method needs of a model, as values: what it reads, what that costs, who can make it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..errors import MethodError
from .picture import Grid
from .traits import BACKWARD, GRID, Cost, Needs

READ_TRACERS: Final = ("replay", "full")  # two ways to the same gradients, for AGCAM and its kin
RELEVANCE: Final = frozenset(["lrp"])  # rules that carry relevance, beside ordinary gradients


@dataclass(frozen=True)
class NoEvidence(Needs):
    """Where the patches lie: GridTrace."""

    source = "replay"
    names = (*READ_TRACERS, "none")
    reads = "where the patches lie"
    light = True
    any_classifier = True
    _cost = Cost(2.5, 0.0)
    _passes = "1 forward"


@dataclass(frozen=True)
class Attention(Needs):
    """The attention of every block: AttentionTrace."""

    source = "replay"
    names = READ_TRACERS
    reads = "the attention of every block"
    light = True
    _cost = Cost(3.0, 0.0)
    _passes = "1 forward, attention rows"

    @property
    def keeps_calls(self) -> bool:
        """Always."""
        return True


@dataclass(frozen=True)
class Replay(Needs):
    """Scores and gradients of the read tokens: ReadTrace; with every block's `calls`, or not."""

    calls: bool = False

    source = "replay"
    names = READ_TRACERS
    reads = "the read tokens' scores and gradients, attention inputs detached"
    light = True

    @property
    def keeps_calls(self) -> bool:
        """Where the calls are read too."""
        return self.calls

    def cost(self, grid: Grid = GRID) -> Cost:
        """Far less where only the class token is read; this much where every token is."""
        return Cost(2.5, BACKWARD + self.calls)

    @property
    def passes(self) -> str:
        """The replay, and rows of the calls."""
        rows = ", rows of attention between patches" if self.calls else ""
        return f"1 forward, replay of the read tokens{rows}"


@dataclass(frozen=True)
class Graph(Needs):
    """Every attention and its gradient under ordinary autograd: GraphTrace."""

    source = "graph"
    names = ("full",)
    reads = "every attention and its gradient under ordinary autograd"
    _cost = Cost(2.5, BACKWARD)
    _passes = "1 forward, 1 forward and 1 backward of the whole graph"


@dataclass(frozen=True)
class Tape(Needs):
    """What rules carry back along a tape of the model's operations: GraphTrace.

    `rules` names the rules, `stabilizer` keeps those of relevance from dividing by zero, `own` are
    rules of the caller's for operations by torch's names, which come first; `gamma` weighs the
    terms of residual sums where the rules distinguish them.
    """

    rules: str
    stabilizer: float = 1e-9
    own: tuple[tuple[str, Callable[..., Any]], ...] = ()
    gamma: float = 1.0

    source = "tape"
    reads = "what rules carry back to every attention and every block's tokens"

    def cost(self, grid: Grid = GRID) -> Cost:
        """Rules of relevance take several products a layer, and a second walk for gradients."""
        return Cost(3.0, 16.0 if self.rules in RELEVANCE else 4.0)

    @property
    def passes(self) -> str:
        """A tape, and walks back along it."""
        walks = "2 walks" if self.rules in RELEVANCE else "1 walk"
        return f"1 forward, 1 forward and {walks} back along its operations"


@dataclass(frozen=True)
class Stream(Needs):
    """The token stream of every block: StreamTrace.

    With `path`, also gradients for that many pictures on the way from zero to the picture, both
    ends with them.
    """

    path: int = 0

    source = "tape"
    reads = "every block's tokens before and behind each sum, attention and gradient"

    def cost(self, grid: Grid = GRID) -> Cost:
        """A walk back, and for each step a pass that ends with a short way back."""
        return Cost(3.0, 4.0 + 2.0 * self.path)

    @property
    def passes(self) -> str:
        """A tape, a walk back, and the steps."""
        steps = f", {self.path} forwards and short backwards per target" if self.path else ""
        return f"1 forward, 1 forward and 1 walk back along its operations{steps}"


@dataclass(frozen=True)
class BlockScores(Needs):
    """Every block's attention, and the gradient of that block's own score: BlockTrace."""

    source = "block scores"
    reads = "every block's attention, and the gradient of that block's own score"
    _cost = Cost(2.5, 4.0)
    _passes = "1 forward, 1 forward and 1 short backward per block"


@dataclass(frozen=True)
class Tokens(Needs):
    """Token features in front of the last attention, and their gradients: TokenTrace."""

    source = "token features"
    reads = "token features in front of the last attention, and their gradients"
    _cost = Cost(3.0, BACKWARD)
    _passes = "2 forwards and 1 backward to the last block's norm"


@dataclass(frozen=True)
class SinglePatch(Needs):
    """The target's logit with one patch token at a time in the last block: SinglePatchTrace."""

    source = "single patches"
    reads = "the target's logit with one patch token at a time in the last block"
    _passes = "1 forward; of the last block 1 forward per patch, of the others 1 for 64 patches"

    def cost(self, grid: Grid = GRID) -> Cost:
        """At most a pass for each patch, which serve every target."""
        return Cost(3.0 + grid.patches, 0.0)


@dataclass(frozen=True)
class BlackBox(Needs):
    """The model as a function of pixels: Query.

    For each target the model is given `count` pictures, and one for each place of a window of
    `window` patches a side that moves by `stride` patches (0: no window); each with a pass back to
    the pixels where `gradients` are read.
    """

    count: int = 0
    window: int = 0
    stride: int = 1
    gradients: bool = False

    source = "black box"
    reads = "nothing inside the model: pictures go in, logits or probabilities come out"
    any_classifier = True

    def __post_init__(self) -> None:
        if self.stride > max(self.window, 1):
            raise MethodError(
                f"stride={self.stride} is more than window={self.window}, so some patches would "
                "never be hidden; give a larger window or a smaller stride."
            )

    def pictures(self, grid: Grid) -> int:
        """Pictures given to the model for one target of one picture."""
        if not self.window:
            return self.count
        moves = (max(side - self.window, 0) / self.stride for side in grid.shape)
        return self.count + math.prod(math.ceil(some) + 1 for some in moves)

    def cost(self, grid: Grid = GRID) -> Cost:
        """A recording and its proof; then each of the pictures."""
        return Cost(3.0, self.pictures(grid) * (1.0 + BACKWARD * self.gradients))

    @property
    def passes(self) -> str:
        """The proof, and each of the pictures."""
        plural = "s" * (self.count != 1)
        if self.window:
            wide = f"a window of {self.window} patches a side, {self.stride} apart,"
            place = "a patch" if self.window == self.stride == 1 else wide
            return f"2 forwards, 1 forward {place} and {self.count} more for each target"
        pixels = f" and {'backwards' if plural else '1 backward'} to the pixels" * self.gradients
        return f"2 forwards, {self.count:,} forward{plural}{pixels} for each target"
