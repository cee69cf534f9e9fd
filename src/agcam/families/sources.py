"""From whatever names a model to a classifier: a module, a pipeline, a file, a folder, a name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from torch import nn

from ..errors import LoadError, ModelError, UnknownNameError
from ..values import Classifier
from . import hf_vit
from .checkpoints import load_checkpoint
from .modules import as_guess, wrap
from .table import FAMILIES, FORMS

ADAPTER: Final = "adapter_config.json"


def classifier_from(model: object, arch: str | None, trust_remote_code: bool) -> Classifier:
    """The classifier that `model` stands for, as its library or its files describe it."""
    if isinstance(model, Classifier):
        return model
    if isinstance(model, nn.Module):
        return wrap(model)
    if hf_vit.is_pipeline(model):
        return hf_vit.wrap_pipeline(model)
    if isinstance(model, str | Path) and arch is not None:
        return _from_file(Path(model).expanduser(), arch)
    if isinstance(model, Path) or (isinstance(model, str) and is_path(model)):
        return _from_path(Path(model).expanduser(), trust_remote_code)
    if isinstance(model, str):
        return _from_name(model, trust_remote_code)
    raise ModelError(
        f"a model is a torch module, a Hugging Face pipeline or a name ({FORMS}), "
        f"not {type(model).__name__}."
    )


def is_path(name: str) -> bool:
    """Whether a name that is not a model's is that of a file or folder."""
    family, colon, _ = name.partition(":")
    if name == "demo" or (colon and family in FAMILIES):
        return False
    try:
        return Path(name).expanduser().exists()
    except (OSError, RuntimeError):  # too long for a file's name; no home folder
        return False


def _from_file(path: Path, arch: str) -> Classifier:
    family, _, architecture = arch.partition(":")
    if not architecture:
        raise UnknownNameError(f"--arch takes FAMILY:NAME (timm:vit_base_patch16_224), not {arch}.")
    return as_guess(load_checkpoint(path, FAMILIES[family], architecture))


def _from_path(path: Path, trust_remote_code: bool) -> Classifier:
    """A folder as Hugging Face or timm writes it states what it is; a file does not."""
    _refuse_adapter(path)
    if not path.is_dir():
        if path.exists() and (path.parent / "config.json").is_file():
            raise LoadError(
                f"{path} is a file: if save_pretrained wrote it, give its folder, {path.parent}; "
                "else name what it is for, --arch timm:NAME."
            )
        kind = "is a file" if path.exists() else "does not exist; where it is a file"
        raise LoadError(f"{path} {kind}: name what it is for, --arch timm:NAME.")
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LoadError(
            f"{path} is a folder without a config.json; give a folder written by save_pretrained, "
            "or a file of weights in it with --arch timm:NAME."
        ) from None
    except (OSError, ValueError) as error:
        raise LoadError(f"{path / 'config.json'} cannot be read ({error}).") from error
    by_timm = isinstance(config, dict) and "architecture" in config and "model_type" not in config
    name = f"timm:local-dir:{path}" if by_timm else f"hf:{path}"
    return _from_name(name, trust_remote_code)


def _refuse_adapter(path: Path) -> None:
    """LoadError for a folder or file of PEFT's, with the lines that put it on its model."""
    is_file = path.name.startswith("adapter_") and path.is_file()
    folder = path.parent if is_file else path
    if not (folder / ADAPTER).is_file() or (not is_file and (folder / "config.json").is_file()):
        return
    try:
        config = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
        base = (
            f" ({config['base_model_name_or_path']})" if config["base_model_name_or_path"] else ""
        )
    except (OSError, ValueError, TypeError, KeyError):
        base = ""
    raise LoadError(
        f"{path} is an adapter of PEFT: load the model that it is for{base}, put it on, model = "
        f"peft.PeftModel.from_pretrained(model, {str(folder)!r}), and give agcam the module; or "
        "keep it folded in, torch.save(model.merge_and_unload().state_dict(), FILE), and give FILE "
        "with --arch."
    )


def _from_name(name: str, trust_remote_code: bool) -> Classifier:
    family, colon, rest = name.partition(":")
    if family == "hf":
        _refuse_adapter(Path(rest))
    if not colon and family not in FAMILIES:
        raise UnknownNameError(f"no model is called {name!r}; a model is {FORMS}.")
    if trust_remote_code and family == "hf":
        return hf_vit.load(rest, trust_remote_code=True)
    return FAMILIES[family].load(rest)
