"""A file of weights for a named architecture: read safely, matched, built, loaded strictly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ...errors import LoadError
from ...values import Classifier, Family
from .account import account, few
from .choose import Chosen, choose, unknown_parts
from .read import Held, read
from .shapes import Form, check_tensors, form_of, head_names, shapes_of

__all__ = ["load_checkpoint"]


def load_checkpoint(path: Path, family: Family, architecture: str) -> Classifier:
    """Build `architecture` as the file needs it, and load the file into it, whole.

    The set of weights and the prefix of its names are found by matching the architecture's own
    names; number of classes, channels and input size are read from the shapes, and nothing is
    resampled. A note of the classifier says what was stripped, ignored or derived. A file without
    a classifier becomes a backbone. Raises LoadError for a missing or broken file, a pickle that
    would run code, or weights that do not fit.
    """
    name = f"{family.name}:{architecture}"
    held = read(path)
    bare = _bare(family, architecture, Form())
    chosen = _match(path, held, bare)
    check_tensors(path, chosen.weights)
    form = form_of(path, bare, shapes_of({**chosen.extra, **chosen.weights}))
    if form.classes is None and _lacks_head(path, name, bare, chosen):
        form = replace(form, classes=0)
    if form.changes:
        bare = _bare(family, architecture, form)
        chosen = _match(path, held, bare)
        check_tensors(path, chosen.weights)
    _fit(path, name, bare, chosen)
    module = family.build(architecture, form.classes, **form.options())
    module.load_state_dict(chosen.weights)
    classifier = family.wrap(module.eval(), f"{path.name} ({name})")
    return replace(classifier, notes=(*classifier.notes, *account(chosen, form)))


def _bare(family: Family, architecture: str, form: Form) -> nn.Module:
    """The architecture's names and shapes; without numbers where the library can do without."""
    try:
        with torch.device("meta"):
            return family.build(architecture, form.classes, **form.options())
    except (RuntimeError, NotImplementedError):  # it computes with its weights while it is built
        return family.build(architecture, form.classes, **form.options())


def _match(path: Path, held: Sequence[Held], bare: nn.Module) -> Chosen:
    """Choose; and take a head that lies beside the backbone's prefix under the very names."""
    own = shapes_of(bare.state_dict())
    chosen = choose(path, held, own)
    missing = {name for name in own if name not in chosen.weights}
    top = next(some.weights for some in held if some.where == chosen.where)
    beside = {name: top[name] for name in missing if name in chosen.foreign}
    if not missing or beside.keys() != missing or not missing <= set(head_names(own)):
        return chosen
    foreign = tuple(key for key in chosen.foreign if key not in beside)
    weights = {**chosen.weights, **beside}
    return replace(chosen, weights=weights, foreign=foreign, beside=tuple(sorted(beside)))


def _lacks_head(path: Path, name: str, bare: nn.Module, chosen: Chosen) -> bool:
    """Whether all that the file lacks is the classifier; LoadError where its own is another."""
    own = shapes_of(bare.state_dict())
    heads = head_names(own)
    missing = {key for key in own if key not in chosen.weights}
    if not missing or missing != set(heads):
        return False
    inside = tuple(f"{key.rpartition('.')[0]}." for key in heads)
    other = {key: some for key, some in chosen.extra.items() if key.startswith(inside)}
    if other:
        shapes = [f"{key} {tuple(tensor.shape)}" for key, tensor in other.items()]
        raise LoadError(
            f"{path} has another kind of head than {name}: {few(shapes)} instead of "
            f"{', '.join(heads)}; build the module with that head, load the file into it, and give "
            "agcam the module."
        )
    return True


def _fit(path: Path, name: str, module: nn.Module, chosen: Chosen) -> None:
    """LoadError unless the weights are the module's, name by name and shape by shape."""
    own, weights = module.state_dict(), chosen.weights
    other = [key for key in own if key in weights and not _alike(own[key], weights[key])]
    problems = {
        "missing": [key for key in own if key not in weights],
        "unexpected": unknown_parts(chosen, own),
        "of another shape or type": [
            f"{key} {_form(weights[key])}, not {_form(own[key])}" for key in other
        ],
    }
    if problems["missing"] and not problems["unexpected"]:
        problems["unexpected"] = list(chosen.foreign)  # all may help to see what it is
    if any(problems.values()):
        told = "; ".join(
            f"{len(keys)} {kind} ({few(keys)})" for kind, keys in problems.items() if keys
        )
        raise LoadError(
            f"{path} does not fit {name}: {told}. {_advice(path, problems['unexpected'])}"
        )


def _advice(path: Path, unexpected: Sequence[str]) -> str:
    """What to do with a file that does not fit, by what it holds and what lies beside it."""
    if any(".lora_" in key or ".base_layer." in key for key in unexpected):
        return (
            "It holds adapters of PEFT: give agcam the module with them, or save it with them "
            "folded in, torch.save(model.merge_and_unload().state_dict(), FILE)."
        )
    if (path.parent / "config.json").is_file():
        return (
            f"If save_pretrained wrote it and the config.json beside it, give the folder, "
            f"{path.parent}, without --arch; else name its own architecture (--arch)."
        )
    return (
        "Name its own architecture (--arch), or build the module yourself, load the file into it, "
        "and give agcam the module."
    )


def _form(tensor: Tensor) -> str:
    kind = "" if tensor.is_floating_point() else f" of {str(tensor.dtype).removeprefix('torch.')}"
    return f"{tuple(tensor.shape)}{kind}"


def _alike(own: Tensor, given: Tensor) -> bool:
    return own.shape == given.shape and own.is_floating_point() == given.is_floating_point()
