"""What Hugging Face models take beside pictures: clips and sound, by their configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from ..values import CLIP, PICTURE, SOUND, Medium

LENGTHS: Final = ("num_frames", "frames_per_clip")
"""What configurations call the number of frames that a model takes."""


def medium_of(config: Any) -> Medium:
    """What a model with this configuration takes."""
    from transformers.models.auto import modeling_auto as auto

    kind = getattr(config, "model_type", "")
    if kind in auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES:
        length = next((getattr(config, name) for name in LENGTHS if hasattr(config, name)), 0)
        return replace(CLIP, frames=int(length))
    sounds = auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
    if kind in sounds and hasattr(config, "num_mel_bins") and hasattr(config, "time_stride"):
        return SOUND  # a spectrogram (time, frequency), cut into patches
    return PICTURE
