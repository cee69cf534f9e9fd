"""Hugging Face feature extractors of spectrograms as preparations of sound."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from torch import Tensor

from ..values import SoundPreparation
from .hf_media import brought, usual

STEP: Final = 0.01  # seconds, of Kaldi's filter banks
LOWEST: Final = 20.0  # Hz


def sound_preparation(processor: Any, config: Any) -> SoundPreparation | None:
    """What an extractor makes of samples; without one, the usual of the architecture.

    None where the extractor is of a kind that is not known here.
    """
    guess = processor is None
    if processor is None:
        from transformers import ASTFeatureExtractor

        sizes = {"max_length": config.max_length, "num_mel_bins": config.num_mel_bins}
        processor = ASTFeatureExtractor(**sizes)
    if type(processor).__name__ != "ASTFeatureExtractor":
        return None
    rate, bins = int(processor.sampling_rate), int(processor.num_mel_bins)

    def run(samples: Any) -> Tensor:
        made = processor(samples, sampling_rate=rate, return_tensors="pt")
        found: Tensor = made["input_values"][0]
        return found

    kind = "feature extractor"
    return SoundPreparation(
        run=run,
        rate=rate,
        step=STEP,
        size=(int(processor.max_length), bins),
        frequencies=_middles(bins, rate / 2),
        mean=(float(processor.mean),),
        std=(2 * float(processor.std),),
        source=usual(config, kind) if guess else brought(processor, kind),
        guess=guess,
    )


def _middles(bins: int, highest: float) -> tuple[float, ...]:
    """The middles of Kaldi's filters in Hz: evenly apart in mel, 1127 ln(1 + f / 700)."""
    low, high = (1127 * np.log1p(edge / 700) for edge in (LOWEST, highest))
    mels = np.linspace(low, high, bins + 2)[1:-1]
    return tuple(float(middle) for middle in 700 * np.expm1(mels / 1127))
