"""What one ordinary pass shows of a model: its attention calls, and the modules around them."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..undo import Undo, hook, undoing
from ..values import AttentionCall, Classifier
from .attention import capture_attention
from .explicit import ExplicitAttention, is_vmapped
from .hooks import first_tensor
from .patches import open_mode
from .products import Folding
from .record import try_out
from .untraceable import (
    EXPONENTIALS,
    FLEX,
    HIDDEN,
    IN_PARTS,
    NO_ATTENTION,
    NOT_FOLLOWED,
    ONE_TOKEN,
    POOLS,
    VMAPPED,
    NotOneGridError,
    UntraceableError,
)
from .watch import Softmaxes


class Call(NamedTuple):
    """One attention call: the path of the innermost module around it, and its sizes.

    `single`: self-attention, though of one token. `apart`: each of its rows, which stand where
    heads do or in its batch, has keys of its own.
    """

    module: str
    batch: int
    queries: int
    keys: int
    explicit: bool
    mixed: bool
    single: bool = False
    apart: bool = False
    heads: int = 1

    @property
    def own(self) -> bool:
        """Whether its rows are its keys, by their number."""
        return self.single or self.queries == self.keys > 1


class Observation:
    """What was seen: calls in order, feature maps in front of them, and what modules take."""

    def __init__(self, *, frames: bool = False) -> None:
        self._frames = frames
        self.calls: list[Call] = []
        self.explicit_scores: list[Tensor] = []
        self.maps: list[tuple[int, ...]] = []  # sides of convolutions' outputs, of clips with time
        self.sequences: dict[str, tuple[int, ...]] = {}  # batch and tokens that a module takes
        self.explicit: ExplicitAttention | None = None
        self.softmaxes = Softmaxes()
        self.in_parts = False  # some rows of an attention at a time
        self._values: Tensor | None = None  # of the last call
        self.vmapped = False
        self.ranked = False  # numbers were put in order in front of some attention
        self.logits = torch.empty(0)
        self._inside: list[str] = []  # paths of the modules that are running

    def enter(self, path: str) -> Callable[..., None]:
        """A hook for when the module at `path` is called."""

        def enter(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            self._inside.append(path)
            tensor = first_tensor(args, kwargs)
            if tensor is not None and tensor.ndim == 3:
                self.sequences.setdefault(path, tuple(tensor.shape[:-1]))

        return enter

    def leave(self, part: nn.Module, _: object, output: object) -> None:
        """A hook for when a module returns."""
        self._inside.pop()
        kinds = (nn.Conv2d, nn.Conv3d) if self._frames else nn.Conv2d
        if isinstance(part, kinds) and isinstance(output, Tensor) and not self.calls:
            time = output.shape[-3] if isinstance(part, nn.Conv3d) else output.shape[0]
            sides = output.shape[-2], output.shape[-1]
            self.maps.append((time, *sides) if self._frames else sides)

    def attend(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        """Note an attention call, and let torch answer it."""
        if is_vmapped(call.query):
            self.vmapped = True
            return as_torch()
        explicit = call.key is None
        module = self._inside[-1] if self._inside else ""
        self.ranked |= bool(self.calls) and self.softmaxes.ranked
        sizes = call.query.shape[0], call.query.shape[-2], call.value.shape[-2]
        if sizes[1] != sizes[2] and self._values is not None:
            self.in_parts |= torch.equal(self._values, call.value)
        self._values = call.value
        self.calls.append(
            Call(module, *sizes, explicit, call.mix is not None, heads=call.query.shape[1])
        )
        if explicit:
            self.explicit_scores.append(call.query)
        return as_torch()

    def not_followed(self) -> str | None:
        """Why some attention of the model is not captured as it is: a sentence."""
        if self.vmapped or (self.explicit is not None and self.explicit.vmapped):
            return VMAPPED
        if self.in_parts:
            return IN_PARTS
        if self.explicit is None:
            return None
        if self.softmaxes.count > self.explicit.softmaxes:
            return HIDDEN
        if any(softmax.wrong for softmax in self.explicit.by_hand):
            return EXPONENTIALS
        misuse = self.explicit.misuse
        return NOT_FOLLOWED.replace("{cause}", misuse) if misuse else None

    def token_count(self, name: str) -> int:
        """The one length of all self-attention; UntraceableError where there is none.

        NotOneGridError, with the reason, where there are several, or windows.
        """
        if (sentence := self.not_followed()) is not None:
            raise UntraceableError(sentence.format(name=name))
        if any(call.apart for call in self.calls):
            raise NotOneGridError("each row of its attention has keys of its own")
        own = [call for call in self.calls if call.own]
        if max((call.batch * call.keys for call in self.calls), default=0) == 1:
            raise UntraceableError(ONE_TOKEN.format(name=name))
        if not own and not any(call.queries > 1 and call.keys > 1 for call in self.calls):
            pools = any(call.keys > 1 for call in self.calls)
            raise UntraceableError((POOLS if pools else NO_ATTENTION).format(name=name))
        if (why := self._not_isotropic(own)) is not None:
            raise NotOneGridError(why)
        return own[0].queries

    def _not_isotropic(self, own: list[Call]) -> str | None:
        """Why the self-attention calls do not all attend over one grid of patches."""
        if not own:
            return "its attentions have other rows than keys"
        before_last = self.calls[: len(self.calls) - self.calls[::-1].index(own[-1])]
        for call in before_last:
            if call not in own and min(call.queries, call.keys) > 1:
                return f"{call.queries} tokens of it attend to {call.keys} others"
        lengths = sorted({call.queries for call in own})
        if len(lengths) > 1:
            return f"its self-attentions see {', '.join(map(str, lengths))} tokens"
        if any(call.batch != 1 for call in own):
            return "it attends within windows of the picture"
        return None


def convolutions(tower: nn.Module) -> list[nn.Module]:
    """The convolutions that take hooks, whose outputs are numbered in the order of the pass."""
    scripted = torch.jit.ScriptModule
    parts = tower.modules()
    return [p for p in parts if isinstance(p, nn.Conv2d) and not isinstance(p, scripted)]


def hook_convolution(
    undo: Undo, tower: nn.Module, number: int, pictures: int, change: Callable[[Tensor], Tensor]
) -> None:
    """Change what the convolution of a number gives for so many pictures."""
    count = itertools.count()

    def after(_: nn.Module, __: object, output: object) -> Tensor | None:
        if not isinstance(output, Tensor) or next(count) != number:
            return None
        return change(output) if len(output) == pictures else None

    for part in convolutions(tower):
        hook(undo, part, after=after)


def observe(classifier: Classifier, pixels: Tensor) -> Observation:
    """Run one pass and note what happens; ModelError where the model does not run."""
    seen = Observation(frames=classifier.medium.axis("frame") is not None)
    with undoing() as undo:
        for path, part in classifier.vision.named_modules():
            if not isinstance(part, torch.jit.ScriptModule):  # takes no hooks
                hook(undo, part, seen.enter(path), seen.leave)
        seen.explicit = capture_attention(
            undo, seen.attend, Folding(len(pixels)), explicit=True, prove=True
        )
        open_mode(undo, seen.softmaxes)
        try:
            seen.logits = try_out(classifier, pixels)
        except ModelError as error:
            if _came_from(error.__cause__, "flex_attention.py"):
                raise UntraceableError(FLEX.format(name=classifier.name)) from error
            raise
    return seen


def _came_from(error: BaseException | None, file: str) -> bool:
    """Whether an error was raised, or passed through, in a file of this name."""
    frames = traceback.extract_tb(None if error is None else error.__traceback__)
    return any(frame.filename.endswith(file) for frame in frames)
