"""Sweep Hugging Face's classifiers: `python scripts/sweep_hugging_face.py [FROM [TO]]`.

Image and video classifiers of transformers, by the names of their classes: random weights, two
blocks of each stage, one picture or clip. Renews docs/models-hugging-face.md.
"""

import sys
from contextlib import suppress

import torch
import transformers
from sweep import ROOT, filled, swept, unfilled
from transformers.models.auto import modeling_auto

MAPPINGS = (
    modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
)
AUDIO = {"ASTForAudioClassification"}  # the one of them that takes a spectrogram as a picture
SIDE = 64  # pixels, where a model can be made for so few
FEWER = {"num_hidden_layers": 2, "num_cross_attention_heads": 1}


def classes():
    for mapping in MAPPINGS:
        for kind, names in mapping.items():
            for name in [names] if isinstance(names, str) else names:
                if mapping is not MAPPINGS[2] or name in AUDIO:
                    yield name, kind


def names(first="", last="~"):
    return sorted({name for name, _ in classes() if first <= name <= last})


def make(name):
    kind = dict(classes())[name]
    for fewer in (FEWER, {}):
        config = transformers.models.auto.configuration_auto.CONFIG_MAPPING[kind]()
        config.num_labels = 7
        for part in (config, getattr(config, "vision_config", None)):
            for key, value in fewer.items():
                if isinstance(getattr(part, key, None), int):
                    setattr(part, key, value)
            if fewer and isinstance(getattr(part, "depths", None), list | tuple):
                part.depths = [min(depth, 2) for depth in part.depths]
            size = getattr(part, "image_size", None)
            if fewer and size is not None:
                part.image_size = SIDE if isinstance(size, int) else [SIDE, SIDE]
        with suppress(RuntimeError, ValueError, TypeError, AssertionError, AttributeError):
            with unfilled():
                model = filled(getattr(transformers, name)(config))
            pixels = torch.randn(1, *shape(name, config))
            model(pixels)
            break
    return model, pixels


def shape(name, config):
    """Of the pixels, without the batch: rows and columns, frames in front, or a spectrogram."""
    if hasattr(config, "max_length") and hasattr(config, "num_mel_bins"):
        return config.max_length, config.num_mel_bins
    config = getattr(config, "vision_config", config)
    side = getattr(config, "image_size", None) or getattr(config, "crop_size", None) or SIDE
    height, width = side if isinstance(side, list | tuple) else (side, side)
    channels = getattr(config, "num_channels", None) or getattr(config, "in_channels", 3)
    if "Video" not in name:
        return channels, height, width
    frames = getattr(config, "num_frames", None) or getattr(config, "frames_per_clip", None)
    return frames, channels, height, width


if __name__ == "__main__":
    swept(names(*sys.argv[1:]), make, ROOT / "docs" / "models-hugging-face.md")
