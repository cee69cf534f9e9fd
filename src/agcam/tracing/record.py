"""Record: one ordinary forward pass, no gradient, fused kernels, any batch; knows no target."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..errors import AgcamError, ModelError
from ..undo import Undo, undoing
from ..values import AttentionCall, BlockRecord, Classifier, Layout, Recording
from .attention import capture_attention
from .explicit import Answer, ExplicitAttention
from .hooks import LayoutMismatchError
from .not_run import why_not_run, why_other_rows
from .products import Folding


def logits_of(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Run the model; ModelError if it does not give finite logits (batch, class)."""
    logits = classifier.predict(pixels)
    if not isinstance(logits, Tensor) or logits.ndim != 2 or not logits.shape[1]:
        shape = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ModelError(
            f"{classifier.name} gives {shape} instead of logits (batch, class): it is an encoder "
            "without a classifier; give it a head, or load a variant that has one."
        )
    if not bool(torch.isfinite(logits).all()):
        raise ModelError(_why_not_finite(classifier))
    return logits


def _why_not_finite(classifier: Classifier) -> str:
    fault = f"{classifier.name} gave NaN or infinite logits for this input"
    for name, weight in classifier.module.named_parameters():
        if weight.is_floating_point() and not bool(torch.isfinite(weight).all()):
            return (
                f"{fault}, because its weights {name} are not finite: take an earlier checkpoint."
            )
    return (
        f"{fault}, though its weights are finite; check its precision (fp16 overflows: try "
        "bfloat16) and the normalization of the picture."
    )


def try_out(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Logits of a first pass; ModelError, one sentence, if the model does not take such pixels."""
    try:
        logits = logits_of(classifier, pixels)
    except AgcamError:
        raise
    except (
        AssertionError,
        AttributeError,
        LookupError,
        RuntimeError,
        TypeError,
        ValueError,
    ) as error:
        raise ModelError(
            why_not_run(classifier, pixels, str(error), type(error).__name__)
        ) from error
    if len(logits) != len(pixels):
        raise ModelError(why_other_rows(classifier, len(logits), len(pixels)))
    return logits


def record(classifier: Classifier, pixels: Tensor, layout: Layout, keep_calls: bool) -> Recording:
    """Keep, for each block, the score rows of the kept tokens and the values: O(tokens) memory.

    With `keep_calls`, queries, keys and masks are kept too, for methods that need whole attention
    matrices, which are made from them row by row.
    """
    recorder = Recorder(layout, keep_calls)
    if layout.tracer == "none":
        return recorder.recording(pixels, try_out(classifier, pixels))

    def answer(call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        recorder.keep(call)
        return as_torch()

    with undoing() as undo:
        capture(undo, layout, pixels, answer)
        logits = logits_of(classifier, pixels)
    return recorder.recording(pixels, logits)


def no_reads() -> Tensor:
    """Stands in a recording until a session knows which tokens are read."""
    raise LayoutMismatchError


def capture(undo: Undo, layout: Layout, pixels: Tensor, answer: Answer) -> ExplicitAttention | None:
    """Capture the attention of a pass over `pixels`, explicit attention where the layout has it.

    Without blocks, what shares an axis with the pictures may be windows.
    """
    folding = Folding(len(pixels), heads=bool(layout.blocks), apart=layout.windows_apart)
    return capture_attention(undo, answer, folding, explicit=layout.explicit)


def blocks_of(classifier: Classifier, layout: Layout) -> list[nn.Module]:
    """The model's blocks, where the survey found them."""
    try:
        return [classifier.vision.get_submodule(path) for path in layout.blocks]
    except AttributeError:
        raise LayoutMismatchError from None


class Recorder:
    """Records the attention calls of one pass, in the layout's order."""

    def __init__(self, layout: Layout, keep_calls: bool) -> None:
        self.layout, self.keep_calls = layout, keep_calls
        self.count = 0
        self.blocks: list[BlockRecord] = []
        self.calls: list[AttentionCall] = []
        self.rows = slice(0, layout.kept)

    def keep(self, call: AttentionCall) -> None:
        """Keep what is needed of the next attention call of the whole token stream."""
        if self.count >= len(self.layout.calls):
            raise LayoutMismatchError
        if self.layout.calls[self.count]:
            self._keep(call)
        self.count += 1

    def recording(self, pixels: Tensor, logits: Tensor) -> Recording:
        """What was recorded; LayoutMismatchError if the pass made fewer attention calls."""
        if self.count != len(self.layout.calls):
            raise LayoutMismatchError
        blocks, calls = tuple(self.blocks), tuple(self.calls)
        return Recording(pixels, logits, blocks, calls, self.layout, no_reads)

    def _keep(self, call: AttentionCall) -> None:
        if call.query.ndim != 4 or call.query.shape[-2] != self.layout.grid.tokens:
            raise LayoutMismatchError
        read = call.only(self.rows)
        few = self.layout.kept <= self.layout.grid.prefix
        # a copy: the view that the model passes on would keep its queries and keys alive
        value = call.value.clone(memory_format=torch.contiguous_format) if few else call.value
        self.blocks.append(BlockRecord(value, read.scores() if few else read))
        if self.keep_calls:
            self.calls.append(call)


def rows_read(logits: Tensor, stream: Tensor, token_dim: int) -> Tensor:
    """Which tokens of `stream` the logits depend on, picture by picture: (batch, token)."""
    # uneven weights: softmax-like heads may give a plain sum no gradient
    weights = torch.linspace(1.0, 2.0, logits.shape[-1], device=logits.device)
    with torch.enable_grad():
        total = (logits * weights).sum()
    found: Tensor | None
    (found,) = torch.autograd.grad(total, [stream], retain_graph=True, allow_unused=True)
    gradient = torch.zeros_like(stream) if found is None else found
    return gradient.movedim(token_dim, 1).flatten(2).ne(0).any(2)


def as_weights(rows: Tensor, layout: Layout) -> Tensor:
    """Equal weights of the rows that are read (batch, kept), which sum to 1: (batch, token)."""
    shares = rows / rows.sum(1, keepdim=True).clamp(min=1)
    return torch.nn.functional.pad(shares, (0, layout.grid.tokens - rows.shape[1]))
