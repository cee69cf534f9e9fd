"""Replay: only the read tokens, through the model's own blocks, with recorded attention.

With the inputs of every self-attention detached, tokens no longer mix on the way back. So the
stream of the read tokens alone, with every attention answered from the recording, has the
gradient of the whole; `alpha[block, head, read, j] = < d y / d output[head, read], v[j] >`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..errors import ProofError
from ..values import AttentionCall, BlockRecord, Classifier, Layout, ReadBlock, ReadTrace, Recording
from .attention import listening
from .hooks import hooked, map_tensors
from .record import LayoutMismatchError, read_rows


class Replay:
    """A recording run again through its read tokens, proved, ready to be asked about targets."""

    name: Final = "replay"

    def __init__(self, classifier: Classifier, recording: Recording) -> None:
        self.recording = recording
        self._outputs = [_output(block) for block in recording.blocks]
        with torch.enable_grad():
            self.logits = _run(classifier, recording, self._outputs)
        prove(classifier.name, recording, self.logits)

    def ask(self, target: Tensor) -> ReadTrace:
        """Trace one target class a picture: `target` (batch,)."""
        with torch.enable_grad():
            chosen = self.logits.gather(1, target.to(self.logits.device)[:, None]).sum()
        flows = torch.autograd.grad(chosen, self._outputs, retain_graph=True)
        return ReadTrace(_Blocks(self.recording.blocks, flows), self.recording.grid)


class _Blocks:
    """Blocks made one at a time, so that no more than one holds its gradient rows."""

    def __init__(self, records: tuple[BlockRecord, ...], flows: tuple[Tensor, ...]) -> None:
        self.records, self.flows = records, flows

    def __iter__(self) -> Iterator[ReadBlock]:
        for record, flow in zip(self.records, self.flows, strict=True):
            scores = record.scores
            yield ReadBlock(scores, flow.to(scores.dtype) @ record.value.to(scores.dtype).mT)


def _output(block: BlockRecord) -> Tensor:
    """What the block's attention gives its read tokens, as a leaf: batch head read dim."""
    scores = block.scores
    output = scores.softmax(-1) @ block.value.to(scores.dtype)
    return output.to(block.value.dtype).requires_grad_()


def _run(classifier: Classifier, recording: Recording, outputs: list[Tensor]) -> Tensor:
    layout = recording.layout
    player = _Player(layout, outputs)
    with ExitStack() as hooks:
        for path in layout.blocks:
            hooks.enter_context(hooked(classifier.vision.get_submodule(path), _shorten(layout)))
        hooks.enter_context(listening(player.answer))
        logits = classifier.predict(recording.pixels)
    if player.count != len(layout.calls):
        raise LayoutMismatchError
    return logits


class _Player:
    """Answers attention from the recording: zero for kept tokens that nobody reads."""

    def __init__(self, layout: Layout, outputs: list[Tensor]) -> None:
        self.layout = layout
        self.outputs = iter(outputs)
        self.count = 0
        self.rows = read_rows(layout)

    def answer(self, call: AttentionCall, as_torch: Callable[[], Tensor]) -> Tensor:
        if self.count >= len(self.layout.calls):
            raise LayoutMismatchError
        own = self.layout.calls[self.count]
        self.count += 1
        if not own:
            return as_torch()
        output = next(self.outputs)
        if len(self.layout.reads) == self.layout.kept:
            return output
        kept = output.new_zeros(*output.shape[:-2], self.layout.kept, output.shape[-1])
        kept[..., self.rows, :] = output
        return kept


def _shorten(layout: Layout) -> Callable[..., Any]:
    """Cut the token stream, and what goes with it (rotary embeddings, masks), to the kept."""
    grid, kept, dim = layout.grid, layout.kept, layout.token_dim

    def cut(tensor: Tensor) -> Tensor:
        if tensor.ndim == 3 and tensor.shape[dim] == grid.tokens:
            return tensor.narrow(dim, 0, kept)
        if tensor.ndim < 2 or kept == grid.tokens:
            return tensor
        if tensor.shape[-2] == grid.tokens:
            return tensor[..., :kept, :]
        if tensor.shape[-2] == grid.patches:
            return tensor[..., : max(kept - grid.prefix, 0), :]
        return tensor

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return map_tensors(args, cut), map_tensors(kwargs, cut)

    return hook


# Rounding is all that may differ; a wrong layout differs by the size of the logits themselves.
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}


def prove(name: str, recording: Recording, logits: Tensor) -> None:
    """Compare replayed with recorded logits (largest difference over largest logit)."""
    recorded = recording.logits
    if logits.shape != recorded.shape:
        raise ProofError(
            f"{name}: the replay gave logits of shape {tuple(logits.shape)} instead of "
            f"{tuple(recorded.shape)}; no map was made."
        )
    coarse = max(
        (recorded.dtype, recording.blocks[0].value.dtype), key=lambda dtype: TOLERANCE[dtype]
    )
    scale = recorded.abs().amax().clamp(min=1e-6)
    error = float(((logits.detach() - recorded).abs().amax() / scale).nan_to_num(float("inf")))
    if error > TOLERANCE[coarse]:
        raise ProofError(
            f"{name}: the replayed logits differ from the recorded ones by {error:.1e} of the "
            f"largest (allowed for {str(coarse).removeprefix('torch.')}: {TOLERANCE[coarse]:.0e}),"
            " so no map was made. The model is not deterministic in evaluation mode, or its "
            'blocks mix tokens outside attention; tracer="full" may explain it.'
        )
