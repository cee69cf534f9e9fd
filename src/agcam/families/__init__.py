"""The one way from what a user has to a classifier."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

from torch import nn

from ..errors import LoadError, ModelError, UnknownNameError
from ..values import Classifier, Scores
from . import hf_vit
from .assemble import ONE_LOGIT
from .checkpoints import load_checkpoint
from .fingerprint import weights_hash
from .given import prepared_as
from .heads import class_count
from .inputs import Inputs, with_output
from .inspection import inspect_output
from .modules import guessed, wrap
from .names import class_names
from .outputs import At, NoClassifier, NoLogitsError, Predict
from .table import FAMILIES, FORMS
from .wrappers import peeled

__all__ = [
    "FAMILIES",
    "Inputs",
    "NoClassifier",
    "NoLogitsError",
    "class_names",
    "inspect_output",
    "load",
    "prepared_as",
    "weights_hash",
    "with_output",
]


def load(
    model: object,
    *,
    arch: str | None = None,
    classes: Any = None,
    preparation: Any = None,
    logits: Callable[[Any], Any] | None = None,
    trust_remote_code: bool = False,
    scores: str | None = None,
) -> Classifier:
    """A classifier from a name, a file of weights, a folder, a module or a pipeline.

    `arch` ("timm:NAME") says what a file of weights is for; `classes` names the classes: a list in
    the order of the outputs, `id2label`, `label2id` or a ClassLabel (text prompts, for CLIP-like
    models). `preparation` says how pictures are prepared: an `agcam.Preparation`, or the user's own
    torchvision, timm or albumentations transform, Hugging Face image processor or function of a PIL
    picture, which is run as it is while the part of the picture that it shows is measured.
    `logits` says where the logits (batch, class) are in what the model gives, for models that give
    several tensors: `lambda y: y[0]`. `scores` says how they become probabilities where the model
    does not ("softmax", "sigmoid", "none", "probability"). `trust_remote_code` lets a Hugging Face
    model run code of its own, never by default. Raises LoadError, UnknownNameError, ModelError, or
    PictureError for a preparation that does not work.
    """
    classifier = _resolve(model, arch, trust_remote_code)
    if preparation is not None:
        classifier = prepared_as(classifier, preparation)
    if logits is not None:
        classifier = _with_logits(classifier, logits)
    if scores is not None:
        notes = tuple(note for note in classifier.notes if note != ONE_LOGIT)  # not taken so now
        classifier = replace(classifier, scores=scores_named(scores), notes=notes)
    if classes is None:
        return classifier
    return _named(classifier, class_names(classes))


def _with_logits(classifier: Classifier, where: Callable[[Any], Any]) -> Classifier:
    if classifier.output is None:
        raise ModelError(f"{classifier.name} has no output in which logits could be named.")
    predict = Predict(classifier.output, At(classifier.name, where))
    headless = isinstance(classifier.predict, NoClassifier)
    return replace(classifier, predict=predict, scores="softmax" if headless else classifier.scores)


def _named(classifier: Classifier, names: tuple[str, ...]) -> Classifier:
    if classifier.with_prompts is not None:
        return replace(classifier.with_prompts(list(names)), scores=classifier.scores)
    inner = peeled(classifier.module)
    count = class_count(inner) if classifier.family != "module" else None
    if count is not None and isinstance(classifier.predict, Predict) and count != len(names):
        raise ModelError(
            f"{classifier.name} has {count} classes, but {len(names)} class names were given."
        )
    return replace(classifier, class_names=names)


def scores_named(name: str) -> Scores:
    """A way from logits to probabilities by its name; raises LoadError."""
    for known in get_args(Scores):
        if name == known:
            return cast(Scores, known)
    raise LoadError(f"scores is one of {', '.join(get_args(Scores))}, not {name!r}.")


def _resolve(model: object, arch: str | None, trust: bool) -> Classifier:
    if isinstance(model, Classifier):
        return model
    if isinstance(model, nn.Module):
        return wrap(model)
    if hf_vit.is_pipeline(model):
        return hf_vit.wrap_pipeline(model)
    if isinstance(model, str | Path) and arch is not None:
        return _from_file(Path(model), arch)
    if isinstance(model, Path) or (isinstance(model, str) and _is_path(model)):
        return _from_path(Path(model).expanduser(), trust)
    if isinstance(model, str):
        return _from_name(model, trust)
    raise ModelError(
        f"a model is a torch module, a Hugging Face pipeline or a name ({FORMS}), "
        f"not {type(model).__name__}."
    )


def _is_path(name: str) -> bool:
    """Whether a name that is no model's is that of a file or folder."""
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
    return guessed(load_checkpoint(path.expanduser(), FAMILIES[family], architecture))


def _from_path(path: Path, trust: bool) -> Classifier:
    """A folder as Hugging Face or timm writes it says itself what it is; a file does not."""
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
        if (path / "adapter_config.json").exists():
            raise LoadError(
                f"{path} is an adapter of PEFT: load the model that it is for, put it on, "
                "peft.PeftModel.from_pretrained(MODEL, FOLDER), and give agcam the module."
            ) from None
        raise LoadError(
            f"{path} is a folder without a config.json; give a folder written by save_pretrained, "
            "or a file of weights in it with --arch timm:NAME."
        ) from None
    except (OSError, ValueError) as error:
        raise LoadError(f"{path / 'config.json'} cannot be read ({error}).") from error
    by_timm = isinstance(config, dict) and "architecture" in config and "model_type" not in config
    return _from_name(f"timm:local-dir:{path}" if by_timm else f"hf:{path}", trust)


def _from_name(name: str, trust: bool) -> Classifier:
    family, colon, rest = name.partition(":")
    if not colon and family not in FAMILIES:
        raise UnknownNameError(f"no model is called {name!r}; a model is {FORMS}.")
    if trust and family == "hf":
        return hf_vit.load(rest, trust_remote_code=True)
    return FAMILIES[family].load(rest)
