"""open_clip: image towers with a contrastive head; the classes are text prompts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, cast

from torch import Tensor, nn

from ..errors import LoadError
from ..values import Classifier, Family, Preparation
from .classifier import classifier_of
from .libraries import check_name, comes_from, import_library, loading
from .prompts import contrastive

FITS: Final[dict[str, Literal["crop", "squash", "pad"]]] = {
    "shortest": "crop",
    "squash": "squash",
    "longest": "pad",
}


def _library() -> Any:
    return import_library("open_clip", "open-clip")


def owns(module: nn.Module) -> bool:
    """Whether this is a model of open_clip, or an image tower of one."""
    parts = ("encode_image", "image_size")
    return comes_from(module, "open_clip") and any(hasattr(module, part) for part in parts)


def load(name: str) -> Classifier:
    """`ARCHITECTURE/PRETRAINED` as open_clip lists them (`ViT-B-16/openai`)."""
    library = _library()
    architecture, _, pretrained = name.partition("/")
    check_name("open_clip", architecture, library.list_models())
    if not pretrained:
        tags = ", ".join(library.list_pretrained_tags_by_model(architecture)) or "none listed"
        raise LoadError(
            f"open_clip:{architecture} needs its weights named: "
            f"open_clip:{architecture}/PRETRAINED (known: {tags})."
        )
    with loading(f"open_clip:{name}"):
        module = library.create_model(architecture, pretrained=pretrained).eval()
        tokenizer = library.get_tokenizer(architecture)
    return _classifier(module, f"open_clip:{name}", tokenizer)


def build(name: str, classes: int | None, **others: object) -> nn.Module:
    """The bare architecture, untrained; a contrastive model has no head of classes."""
    del classes
    if others:
        form = ", ".join(f"{key} {value}" for key, value in others.items())
        raise LoadError(f"the file is for {form}, and open_clip builds {name} in one form only.")
    library = _library()
    check_name("open_clip", name, library.list_models())
    return cast(nn.Module, library.create_model(name, pretrained=None))


def wrap(module: nn.Module, name: str) -> Classifier:
    """An open_clip model as it is, with CLIP's tokenizer for its prompts."""
    if not hasattr(module, "encode_image"):
        return classifier_of(module, name, "open_clip", preparation=_preparation(module))
    tokenizer = _library().SimpleTokenizer(context_length=getattr(module, "context_length", 77))
    return _classifier(module, name, tokenizer)


def _classifier(module: nn.Module, name: str, tokenizer: Callable[..., Tensor]) -> Classifier:
    model: Any = module
    bare = Classifier(
        module=module,
        predict=model.encode_image,
        output=model.encode_image,
        name=name,
        family="open_clip",
        preparation=_preparation(model.visual),
        tower=model.visual,
    )
    return contrastive(
        bare,
        encode_image=model.encode_image,
        encode_text=lambda prompts, device: model.encode_text(tokenizer(list(prompts)).to(device)),
        scale_and_bias=lambda: (model.logit_scale, getattr(model, "logit_bias", None)),
    )


def _preparation(visual: Any) -> Preparation:
    library = _library()
    config: dict[str, Any] = getattr(visual, "preprocess_cfg", None) or {}
    size = config.get("size") or visual.image_size
    height, width = (size, size) if isinstance(size, int) else size
    fit = FITS[config.get("resize_mode") or "shortest"]
    square = height == width or fit != "crop"  # others are always resized bicubically there
    return Preparation(
        size=(height, width),
        mean=tuple(config.get("mean") or library.OPENAI_DATASET_MEAN),
        std=tuple(config.get("std") or library.OPENAI_DATASET_STD),
        fit=fit,
        resize=height if height == width else (height, width),
        interpolation=(config.get("interpolation") or "bicubic") if square else "bicubic",
        fill=config.get("fill_color") or 0,
        source="open_clip's preprocess_cfg of the model" if config else "open_clip's usual one",
    )


def _listed() -> list[str]:
    return [f"{model}/{tag}" for model, tag in _library().list_pretrained()]


def _explains(name: str) -> bool | None:
    """Whether its tower is traced: those of plain Vision Transformers, not convolutions."""
    known = {"ViT-": True, "EVA": True, "RN": False, "convnext": False}
    return next((is_so for start, is_so in known.items() if name.startswith(start)), None)


FAMILY = Family(
    name="open_clip",
    cite="Ilharco et al., OpenCLIP, 2021",
    owns=owns,
    load=load,
    wrap=wrap,
    build=build,
    listed=_listed,
    explains=_explains,
)
