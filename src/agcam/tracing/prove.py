"""The proof: two ways through the model must give the same numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import ModelError, ProofError
from ..values import Classifier, Recording
from .record import try_out

# Rounding is all that may differ; a wrong layout differs by the size of the numbers themselves.
_TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}


def prove(name: str, recorded: Tensor, replayed: Tensor, computed: torch.dtype) -> None:
    """Compare what two ways gave (largest difference over largest number), or refuse.

    `computed` is the precision of the attention, which autocast may make coarser than the rest.
    """
    recorded, replayed = recorded.detach(), replayed.detach()
    if replayed.shape != recorded.shape:
        raise ProofError(
            f"{name}: the replay gave numbers of shape {tuple(replayed.shape)} instead of "
            f"{tuple(recorded.shape)}; no map was made."
        )
    error = float((replayed - recorded).abs().amax() / recorded.abs().amax().clamp(min=1e-6))
    coarse = max((recorded.dtype, computed), key=lambda precision: _TOLERANCE[precision])
    if not error <= _TOLERANCE[coarse]:  # so that NaN is refused
        raise ProofError(
            f"{name}: what was replayed differs from what was recorded by {error:.1e} of the "
            f"largest number (allowed for {str(coarse).removeprefix('torch.')}: "
            f"{_TOLERANCE[coarse]:.0e}), so no map was made. The model is not deterministic in "
            'evaluation mode, or its blocks mix tokens outside attention; tracer="full" may '
            "explain it."
        )


def refuse_random(classifier: Classifier, pixels: Tensor) -> None:
    """Raise ProofError where two passes over the same pixels give different logits."""
    try:
        with torch.no_grad():
            one, other = (try_out(classifier, pixels) for _ in range(2))
    except ModelError:
        return
    error = float((one - other).abs().amax() / one.abs().amax().clamp(min=1e-6))
    if error > _TOLERANCE[one.dtype]:
        raise ProofError(
            f"{classifier.name} is not deterministic in evaluation mode: two passes over the same "
            f"picture give logits that differ by {error:.1e} of the largest (random numbers in its "
            "forward, or F.dropout without training=self.training), so no map can be proved."
        )


def prove_logits(name: str, recording: Recording, logits: Tensor) -> None:
    """Compare logits that came another way with the recorded ones, or refuse."""
    prove(name, recording.logits, logits, recording.blocks[0].value.dtype)
