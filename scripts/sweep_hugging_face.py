"""Sweep Hugging Face's classifiers: `python scripts/sweep_hugging_face.py [NAME ...]`.

Renews docs/models-hugging-face.md: the rows that are missing, or those that are named. Every class
that transformers maps to image, video or audio classification, with random weights, two blocks of
each stage, narrow where it can be made so, and one picture, clip or sound, in double precision.
"""

import sys
from contextlib import suppress
from itertools import product

import torch
import transformers
from sweep import ROOT, DoesNotRunError, filled, make_room, run_of, swept, unfilled
from sweep_page import rows_of
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

PAGE = ROOT / "docs" / "models-hugging-face.md"
MAPPINGS = (
    modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_VIDEO_CLASSIFICATION_MAPPING_NAMES,
    modeling_auto.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES,
)
SIDE = 64  # pixels, where a model can be made for so few
FEWER = {"num_hidden_layers": 2, "num_cross_attention_heads": 1, "num_pooler_layers": 1}
NARROW = {
    **FEWER,
    **dict.fromkeys(("hidden_size", "d_latents", "d_model", "num_latents"), 64),
    **dict.fromkeys(("num_attention_heads", "num_self_attention_heads"), 4),
    **dict.fromkeys(("num_blocks", "num_self_attends_per_block", "encoder_layers"), 1),
    **dict.fromkeys(("intermediate_size", "vocab_size", "head_dim"), 128),
    "frames_per_clip": 4,
    "crop_size": SIDE,
    "encoder_attention_heads": 4,
}
OTHERWISE = {"timm_wrapper": {"architecture": "test_vit"}}  # it wraps any model of timm
SINGLE = {"VideoPrismForVideoClassification"}  # its softmax is so, whatever its weights are
UNAVAILABLE = {
    "DinatForImageClassification": "needs natten before 0.20 (natten2dav), which does not build "
    "for the torch of this sweep"
}
SAMPLES = 16_000  # of a sound that is given as it is


def kinds():
    return {
        name: kind
        for mapping in MAPPINGS
        for kind, names in mapping.items()
        for name in ([names] if isinstance(names, str) else names)
    }


def make(name, small=True):
    if name in UNAVAILABLE:
        raise DoesNotRunError(UNAVAILABLE[name])
    why = RuntimeError("it has no configuration")
    for fewer, attention in product((NARROW, FEWER, {}) if small else ({},), ("sdpa", "eager")):
        try:
            return _made(name, fewer, attention)
        except (RuntimeError, ValueError, TypeError, AssertionError, AttributeError) as error:
            why = error
    raise why


def _made(name, fewer, attention):
    kind = kinds()[name]
    config = CONFIG_MAPPING[kind](**OTHERWISE.get(kind, {}))
    config.num_labels = 7
    parts = [part for part in (config, *vars(config).values()) if hasattr(part, "model_type")]
    for part in parts:
        _shrink(part, fewer)
    config._attn_implementation = attention
    with unfilled():
        model = getattr(transformers, name)(config)
    make_room(model)
    pixels = torch.randn(1, *shape(name, config))
    if model.main_input_name != "input_ids":  # else it is refused before it runs
        run_of(filled(model))(pixels)
    return (model, pixels) if name in SINGLE else (model.double(), pixels.double())


def _shrink(config, fewer):
    for key, value in fewer.items():
        with suppress(AttributeError, NotImplementedError):
            if isinstance(getattr(config, key, None), int):
                setattr(config, key, value)
    if fewer and isinstance(getattr(config, "depths", None), list | tuple):
        config.depths = [min(depth, 2) for depth in config.depths]
    size = getattr(config, "image_size", None)
    if fewer and size is not None:
        config.image_size = SIDE if isinstance(size, int) else [SIDE, SIDE]


def shape(name, config):
    """Of the input, without the batch: a picture, frames of it, a spectrogram, or samples."""
    if hasattr(config, "num_mel_bins"):
        cut = hasattr(config, "time_stride")  # into patches, as AST's
        return (config.max_length, config.num_mel_bins) if cut else (config.num_mel_bins, 3000)
    if name in MAPPINGS[2].values():
        return (SAMPLES,)
    config = getattr(config, "vision_config", config)
    side = getattr(config, "image_size", None) or getattr(config, "crop_size", None) or SIDE
    height, width = side if isinstance(side, list | tuple) else (side, side)
    channels = getattr(config, "num_channels", None) or getattr(config, "in_channels", 3)
    if name not in MAPPINGS[1].values():
        return channels, height, width
    frames = getattr(config, "num_frames", None) or getattr(config, "frames_per_clip", None)
    return frames, channels, height, width


def main(*names):
    there = rows_of(PAGE.read_text())
    swept(names or [name for name in sorted(kinds()) if name not in there], make, PAGE)


if __name__ == "__main__":
    main(*sys.argv[1:])
