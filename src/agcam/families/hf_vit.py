"""Hugging Face: image classifiers, CLIP-like models, timm wrappers and pipelines, as they are."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from ..errors import LoadError, TargetError
from ..values import Classifier, Family, Preparation
from . import timm_vit
from .common import comes_from, missing, unreachable
from .hf_preparation import preparation_of, usual_preparation
from .prompts import contrastive

NO_TOKENIZER: Final = (
    "{name} compares pictures with text, and no tokenizer came with it; give the pipeline, or "
    'agcam.load("hf:NAME_OR_FOLDER"), which brings its tokenizer along.'
)


def _library() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise LoadError(missing("transformers", "hf")) from error
    return transformers


def load(name: str) -> Classifier:
    """`name` on the hub, or a folder written by `save_pretrained`."""
    library = _library()
    try:
        config = library.AutoConfig.from_pretrained(name)
        contrastive = hasattr(config, "vision_config") and hasattr(config, "text_config")
        kind = library.AutoModel if contrastive else library.AutoModelForImageClassification
        module = kind.from_pretrained(name).eval()
        tokenizer = library.AutoTokenizer.from_pretrained(name) if contrastive else None
        processor = library.AutoImageProcessor.from_pretrained(name)
    except Exception as error:
        raise LoadError(unreachable(f"hf:{name}", error)) from error
    return classifier_of(module, f"hf:{name}", processor, tokenizer)


def build(name: str, classes: int | None) -> nn.Module:
    """The bare architecture from a configuration (hub name or folder), untrained."""
    library = _library()
    try:
        options = {} if classes is None else {"num_labels": classes}
        config = library.AutoConfig.from_pretrained(name, **options)
    except Exception as error:
        raise LoadError(unreachable(f"hf:{name}", error)) from error
    return cast(nn.Module, library.AutoModelForImageClassification.from_config(config))


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
    preparation = _preparation(module, processor)
    if hasattr(module, "get_text_features"):
        return _contrastive(module, name, preparation, tokenizer)
    return Classifier(
        module=module,
        predict=lambda pixels: _logits(module, pixels),
        name=name,
        family="hf",
        preparation=preparation,
        class_names=_class_names(module),
    )


def _preparation(module: Any, processor: Any) -> Preparation | None:
    timm_module = getattr(module, "timm_model", None)
    if timm_module is not None:
        return timm_vit.preparation_of(timm_module)
    if processor is not None:
        return preparation_of(processor)
    return usual_preparation(module.config)


def _logits(module: nn.Module, pixels: Tensor) -> Tensor:
    return cast(Tensor, module(pixel_values=pixels, **_any_size(module.forward)).logits)


def _any_size(function: Any) -> dict[str, bool]:
    """Let position embeddings follow the input's size, where the model can."""
    if "interpolate_pos_encoding" in inspect.signature(function).parameters:
        return {"interpolate_pos_encoding": True}
    return {}


def _class_names(module: Any) -> tuple[str, ...]:
    names = dict(getattr(module.config, "id2label", None) or {})
    named = tuple(str(names[key]) for key in sorted(names, key=int))
    if all(name == f"LABEL_{index}" for index, name in enumerate(named)):
        return ()  # the library's placeholders
    return named


def _contrastive(
    module: Any,
    name: str,
    preparation: Preparation | None,
    tokenizer: Any,
) -> Classifier:
    size = _any_size(module.get_image_features)

    def encode_image(pixels: Tensor) -> Tensor:
        return _features(module.get_image_features(pixel_values=pixels, **size))

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


def _listed() -> list[str]:
    return []  # the hub's list is not to be had offline


FAMILY = Family(
    name="hf",
    cite="Wolf et al., Transformers, EMNLP 2020",
    owns=lambda module: comes_from(module, "transformers"),
    load=load,
    wrap=wrap,
    build=build,
    listed=_listed,
)
