"""Hugging Face models by name or folder; only what the files hold is ever run."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, cast

from torch import nn

from ..errors import LoadError
from .checkpoints.account import few
from .common import missing, unreachable

CODE: Final = (
    "{name} brings code of its own, which agcam does not run; if you trust it, say so in this very "
    "call: --trust-remote-code, or agcam.load(..., trust_remote_code=True)."
)


def library() -> Any:
    """The transformers library; LoadError where it is not installed."""
    try:
        import transformers
    except ImportError as error:
        raise LoadError(missing("transformers", "hf")) from error
    return transformers


def load_parts(name: str, trust: bool) -> tuple[nn.Module, Any, Any, str]:
    """The model, its image processor, its tokenizer (or None), and why it has no head (or "").

    A model whose classifier is not in the files is given as its backbone, for a head drawn at
    random would answer anything. Raises LoadError, also where the backbone itself lacks weights.
    """
    transformers = library()
    options = {"trust_remote_code": trust}
    try:
        config = transformers.AutoConfig.from_pretrained(name, **options)
        module, why = _model(transformers, name, config, options)
        both = _compares(config)
        tokenizer = transformers.AutoTokenizer.from_pretrained(name, **options) if both else None
        processor = _processor(transformers, name, options)
    except LoadError:
        raise
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise LoadError(CODE.format(name=f"hf:{name}")) from error
        raise LoadError(unreachable(f"hf:{name}", error)) from error
    return module.eval(), processor, tokenizer, why


def _compares(config: Any) -> bool:
    """Whether the model compares pictures with text, and was not made a classifier since."""
    both = hasattr(config, "vision_config") and hasattr(config, "text_config")
    kinds = getattr(config, "architectures", None) or ()
    return both and not any(kind.endswith("ForImageClassification") for kind in kinds)


def _processor(transformers: Any, name: str, options: dict[str, bool]) -> Any:
    """The image processor, or None for a folder that was saved without one."""
    try:
        return transformers.AutoImageProcessor.from_pretrained(name, **options)
    except OSError:
        if Path(name).is_dir() and not (Path(name) / "preprocessor_config.json").exists():
            return None
        raise


def _model(
    transformers: Any, name: str, config: Any, options: dict[str, bool]
) -> tuple[nn.Module, str]:
    classifiers = transformers.AutoModelForImageClassification
    remote = getattr(config, "auto_map", None) or {}
    known = type(config) in classifiers._model_mapping or classifiers.__name__ in remote
    why = ""
    if known and not _compares(config):
        module, lacking = _read(classifiers, name, options)
        base = f"{module.base_model_prefix}."
        heads = [key for key in lacking if not key.startswith(base)]
        why = f"the files have no such weights: {few(heads)}" if heads else ""
        if not lacking:
            return module, ""
        if not heads or module.base_model is module:
            raise LoadError(_incomplete(name, lacking))
        if heads == lacking:
            return module.base_model, why
    return _backbone(transformers.AutoModel, name, options), why


def _backbone(kind: Any, name: str, options: dict[str, bool]) -> nn.Module:
    """The model without a head, whole; without its pooler, where the files have none."""
    module, lacking = _read(kind, name, options)
    if any("pooler" in key for key in lacking):
        module, lacking = _read(kind, name, {**options, "add_pooling_layer": False})
    if lacking:
        raise LoadError(_incomplete(name, lacking))
    return cast(nn.Module, module)


def _read(kind: Any, name: str, options: dict[str, Any]) -> tuple[Any, list[str]]:
    """The model, and names of its parameters that the files lack, or hold in another shape."""
    module, report = kind.from_pretrained(
        name, output_loading_info=True, ignore_mismatched_sizes=True, **options
    )
    other = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]
    parameters = {key for key, _ in module.named_parameters()}
    return module, [key for key in (*report["missing_keys"], *other) if key in parameters]


def _incomplete(name: str, lacking: Iterable[str]) -> str:
    keys = sorted(lacking)
    return (
        f"hf:{name}: its files lack {len(keys)} weights of the model ({few(keys)}), or hold them "
        "in another shape, and numbers drawn at random would answer anything; save the whole model "
        "with save_pretrained."
    )
