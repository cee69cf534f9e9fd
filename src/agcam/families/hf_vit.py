"""Hugging Face: image classifiers, CLIP-like models, timm wrappers and pipelines, as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from ..errors import TargetError
from ..values import SOUND, Classifier, Family, Preparation, Scores, Transform
from . import timm_vit
from .classifier import OWN_HEAD, headless, with_output
from .classifier import classifier_of as assembled
from .heads import class_count, has_several_layers
from .hf_loading import cached_names, library, load_parts
from .hf_media import medium_of, refuse_sequences
from .hf_naflex import PatchCall, naflex_preparation, patch_of, takes_patches
from .hf_preparation import preparation_of, usual_preparation
from .hf_sound import sound_preparation
from .libraries import any_size, is_hugging_face, loading
from .prompts import contrastive

NO_TOKENIZER: Final = (
    "{name} compares pictures with text, and no tokenizer came with it; give the pipeline, or "
    'agcam.load("hf:NAME_OR_FOLDER"), which brings its tokenizer along.'
)


def load(name: str, *, trust_remote_code: bool = False) -> Classifier:
    """`name` on the hub, or a folder written by `save_pretrained`; code in it is not run."""
    module, processor, tokenizer, why = load_parts(name, trust_remote_code)
    classifier = classifier_of(module, f"hf:{name}", processor, tokenizer)
    return headless(classifier, why) if why else classifier


def build(
    name: str, classes: int | None, *, size: int | None = None, channels: int | None = None
) -> nn.Module:
    """The bare architecture from a configuration (hub name or folder), untrained."""
    transformers = library()
    given = {"num_labels": classes, "image_size": size, "num_channels": channels}
    with loading(f"hf:{name}"):
        config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
        for option, value in given.items():
            if value is not None:
                setattr(config, option, value)
    return cast(
        nn.Module,
        transformers.AutoModelForImageClassification.from_config(config, trust_remote_code=False),
    )


def wrap(module: nn.Module, name: str) -> Classifier:
    """A Hugging Face module as it is, with the usual preparation of its architecture."""
    return classifier_of(module, name, None, None)


def is_pipeline(model: object) -> bool:
    """Whether this is a Hugging Face image pipeline (it has a model and an image processor)."""
    return hasattr(model, "image_processor") and isinstance(
        getattr(model, "model", None), nn.Module
    )


def wrap_pipeline(pipeline: Any) -> Classifier:
    """A pipeline object: its model, its image processor and, if any, its tokenizer."""
    name = getattr(pipeline.model.config, "_name_or_path", "") or type(pipeline.model).__name__
    tokenizer = getattr(pipeline, "tokenizer", None)
    return classifier_of(pipeline.model, f"hf:{name}", pipeline.image_processor, tokenizer)


def classifier_of(module: nn.Module, name: str, processor: Any, tokenizer: Any) -> Classifier:
    """Put module, preparation, names and prompts together."""
    refuse_sequences(module, name)
    medium = medium_of(module.config)
    is_sound = medium.name == SOUND.name
    sound = sound_preparation(processor, module.config) if is_sound else None
    preparation = None if is_sound else _preparation(module, processor)
    if hasattr(module, "get_text_features"):
        return _contrastive(module, name, preparation, tokenizer)
    scores, notes = _scores(module.config)
    if has_several_layers(module):
        notes = (*notes, OWN_HEAD)
    made = assembled(
        module,
        name,
        "hf",
        preparation=preparation,
        class_names=_class_names(module),
        notes=notes,
        scores=scores,
    )
    if takes_patches(module.forward):
        made = with_output(made, PatchCall(made.output, patch_of(module.config), name))
    return replace(made, medium=medium, sound=sound)


def _preparation(module: Any, processor: Any) -> Preparation | Transform | None:
    timm_module = getattr(module, "timm_model", None)
    if timm_module is not None:
        return timm_vit.preparation_of(timm_module)
    if takes_patches(module.forward):
        return naflex_preparation(processor, module.config)
    if processor is not None:
        return preparation_of(processor)
    return usual_preparation(module.config)


def _scores(config: Any) -> tuple[Scores | None, tuple[str, ...]]:
    """How the library itself trains and reads the head: by `problem_type`, else by its size."""
    kind = getattr(config, "problem_type", None)
    if kind is None and getattr(config, "num_labels", None) == 1:
        return "none", ("one output without a problem_type: a regression, as in transformers",)
    kinds: dict[str, Scores] = {"multi_label_classification": "sigmoid", "regression": "none"}
    return kinds.get(kind or ""), ()


def _class_names(module: Any) -> tuple[str, ...]:
    names = dict(getattr(module.config, "id2label", None) or {})
    named = tuple(str(names[key]) for key in sorted(names, key=int))
    if all(name == f"LABEL_{index}" for index, name in enumerate(named)):
        return ()  # the library's placeholders
    count = class_count(module)
    if has_several_layers(module):
        return ()  # its outputs are other classes, however many
    return named if count in {None, len(named)} else ()  # a head of the user's own


def _contrastive(
    module: Any,
    name: str,
    preparation: Preparation | Transform | None,
    tokenizer: Any,
) -> Classifier:
    size = any_size(module.get_image_features)

    def features(pixels: Tensor, **beside: Any) -> Any:
        return module.get_image_features(pixel_values=pixels, **size, **beside)

    patched = takes_patches(module.get_image_features)
    run = PatchCall(features, patch_of(module.config), name) if patched else features

    def encode_image(pixels: Tensor) -> Tensor:
        return _features(run(pixels))

    def encode_text(prompts: Sequence[str], device: torch.device) -> Tensor:
        if tokenizer is None:
            raise TargetError(NO_TOKENIZER.format(name=name))
        # SigLIP was trained on prompts padded to their full length
        padding = "max_length" if "siglip" in module.config.model_type else True
        tokens = tokenizer(list(prompts), padding=padding, truncation=True, return_tensors="pt")
        return _features(module.get_text_features(**tokens.to(device)))

    bare = Classifier(
        module=module,
        predict=encode_image,
        output=encode_image,
        name=name,
        family="hf",
        preparation=preparation,
        tower=module.vision_model,
    )
    return contrastive(
        bare,
        encode_image,
        encode_text,
        lambda: (module.logit_scale, getattr(module, "logit_bias", None)),
    )


def _features(output: Any) -> Tensor:
    """The pooled features: older releases give the tensor, newer ones wrap it."""
    return output if isinstance(output, Tensor) else cast(Tensor, output.pooler_output)


FAMILY = Family(
    name="hf",
    cite="Wolf et al., Transformers, EMNLP 2020",
    owns=is_hugging_face,
    load=load,
    wrap=wrap,
    build=build,
    listed=cached_names,
)
