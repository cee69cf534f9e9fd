"""What Hugging Face models take beside pictures: clips and sound, by their configuration."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any, Final

from ..errors import ModelError
from ..values import CLIP, PICTURE, SOUND, Medium

LENGTHS: Final = ("num_frames", "frames_per_clip")
"""What configurations call the number of frames that a model takes."""


def brought(processor: Any, kind: str = "image processor") -> str:
    """The source of a preparation by the processor that came with a model."""
    return f"the {kind} {type(processor).__name__}"


def usual(config: Any, kind: str = "image processor") -> str:
    """The source of the preparation that is usual for an architecture, where none came with it."""
    return f"the usual one of {type(config).__name__} (no {kind} came with it)"


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


def refuse_sequences(model: Any, name: str) -> None:
    """ModelError for models of sound as a sequence in time, and of pictures as numbers of colours.

    They take no spectrogram cut into patches, and no pixels.
    """
    from transformers.models.auto import modeling_auto as auto

    config = model.config
    kind = getattr(config, "model_type", "")
    pictures = auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    takes = inspect.signature(model.forward).parameters
    if kind in pictures and "input_ids" in takes and "pixel_values" not in takes:  # ImageGPT
        raise ModelError(
            f"{name} takes the numbers of a palette's colours (input_ids), not pixels; logits have "
            "no gradient at them, so agcam does not explain it."
        )
    sounds = auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES
    if kind in sounds and medium_of(config).name != SOUND.name:
        raise ModelError(
            f"{name} takes sound as a sequence in time (samples, or a spectrogram that is not cut "
            "into patches), and agcam explains spectrograms cut into patches, as an Audio "
            "Spectrogram Transformer takes them."
        )
