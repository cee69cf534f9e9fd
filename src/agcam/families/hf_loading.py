"""Hugging Face models by name or folder; only what the files hold is ever run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from torch import nn

from ..errors import LoadError
from ..values import Medium
from .hf_media import medium_of
from .libraries import few, import_library, loading

CODE: Final = (
    "{name} brings code of its own, which agcam does not run; if you trust it, allow it in this "
    "call: --trust-remote-code, or agcam.load(..., trust_remote_code=True)."
)


def library() -> Any:
    """The transformers library; LoadError where it is not installed."""
    return import_library("transformers", "hf")


def load_parts(name: str, trust_remote_code: bool) -> tuple[nn.Module, Any, Any, str]:
    """The model, its image processor, its tokenizer (or None), and why it has no head (or "").

    A model whose classifier is not in the files is given as its backbone, for a head drawn at
    random would answer anything. Raises LoadError, also where the backbone itself lacks weights.
    """
    transformers = library()
    options = {"trust_remote_code": trust_remote_code}
    with loading(f"hf:{name}"), _naming_code(f"hf:{name}"):
        config = transformers.AutoConfig.from_pretrained(name, **options)
        compares = _compares(config)
        kind = None if compares else _classifier_kind(transformers, config)
        if kind is None:
            module, why = _backbone(transformers, name, options), ""
        else:
            module, why = _classifier(transformers, kind, name, options)
        tokenizer = None
        if compares:
            tokenizer = transformers.AutoTokenizer.from_pretrained(name, **options)
        processor = _processor(transformers, medium_of(config), name, options)
        return module.eval(), processor, tokenizer, why


@contextmanager
def _naming_code(name: str) -> Iterator[None]:
    """A sentence of our own where the library refuses to run a model's code."""
    try:
        yield
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise LoadError(CODE.format(name=name)) from error
        raise


def _compares(config: Any) -> bool:
    """Whether the model compares pictures with text, and was not made a classifier since."""
    both = hasattr(config, "vision_config") and hasattr(config, "text_config")
    kinds = getattr(config, "architectures", None) or ()
    return both and not any(kind.endswith("ForImageClassification") for kind in kinds)


def _classifier_kind(transformers: Any, config: Any) -> Any:
    """What makes a classifier of this kind, of the library or of code that comes with the model."""
    remote = getattr(config, "auto_map", None) or {}
    names = ["AutoModelForImageClassification", "AutoModelForVideoClassification"]
    if not medium_of(config).still:
        names.append("AutoModelForAudioClassification")
    kinds = [getattr(transformers, name) for name in names]
    known = (kind for kind in kinds if type(config) in kind._model_mapping)
    return next(known, None) or next((kind for kind in kinds if kind.__name__ in remote), None)


def _classifier(
    transformers: Any, kind: Any, name: str, options: dict[str, Any]
) -> tuple[nn.Module, str]:
    """The classifier; where the files lack its head, the backbone and why it has none."""
    module, lacking = _read(kind, name, options)
    if not lacking:
        return module, ""
    base = f"{module.base_model_prefix}."
    heads = [key for key in lacking if not key.startswith(base)]
    if not heads or module.base_model is module:
        raise _incomplete(name, lacking)
    backbone = module.base_model if heads == lacking else _backbone(transformers, name, options)
    return backbone, f"the files have no such weights: {few(heads)}"


def _backbone(transformers: Any, name: str, options: dict[str, Any]) -> nn.Module:
    """The model without a head, whole; without its pooler, where the files have none."""
    module, lacking = _read(transformers.AutoModel, name, options)
    if any("pooler" in key for key in lacking):
        options = {**options, "add_pooling_layer": False}
        module, lacking = _read(transformers.AutoModel, name, options)
    if lacking:
        raise _incomplete(name, lacking)
    return cast(nn.Module, module)


def _read(kind: Any, name: str, options: dict[str, Any]) -> tuple[Any, list[str]]:
    """The model, and names of its parameters that the files lack, or hold in another shape."""
    module, report = kind.from_pretrained(
        name, output_loading_info=True, ignore_mismatched_sizes=True, **options
    )
    other = [key if isinstance(key, str) else key[0] for key in report["mismatched_keys"]]
    lacking = {*report["missing_keys"], *other}
    return module, [key for key, _ in module.named_parameters() if key in lacking]


def _incomplete(name: str, lacking: Sequence[str]) -> LoadError:
    keys = sorted(lacking)
    return LoadError(
        f"hf:{name}: its files lack {len(keys)} weights of the model ({few(keys)}), or hold them "
        "in another shape, and numbers drawn at random would answer anything; save the whole model "
        "with save_pretrained."
    )


def _processor(transformers: Any, medium: Medium, name: str, options: dict[str, Any]) -> Any:
    """The processor of what the model takes, or None for a folder that was saved without one."""
    kind = {
        "picture": transformers.AutoImageProcessor,
        "clip": transformers.AutoVideoProcessor,
        "sound": transformers.AutoFeatureExtractor,
    }[medium.name]
    try:
        return kind.from_pretrained(name, **options)
    except OSError:
        files = ("preprocessor_config.json", "video_preprocessor_config.json")
        if Path(name).is_dir() and not any((Path(name) / file).exists() for file in files):
            return None
        raise


def cached_names() -> list[str]:
    """Models of the hub that are in this machine's cache, and that transformers loads."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        found = [repo for repo in scan_cache_dir().repos if repo.repo_type == "model"]
    except CacheNotFound:
        return []
    return sorted(repo.repo_id for repo in found if _is_of_transformers(repo))


def _is_of_transformers(repository: Any) -> bool:
    """Whether some version of a cached repository has a configuration of transformers."""
    files = (file for version in repository.revisions for file in version.files)
    configs = (file.file_path for file in files if file.file_name == "config.json")
    return any('"model_type"' in path.read_text(encoding="utf-8") for path in configs)
