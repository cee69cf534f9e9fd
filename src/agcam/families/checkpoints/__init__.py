"""A file of weights for a named architecture.

read     -> every set of named tensors in the file; nothing in it is run
choose   -> the set, and the prefix, that are the architecture's
shapes   -> how the architecture is built for them: classes, channels, input size, pooling
report   -> LoadError unless all fits, and a note of what was stripped, ignored or derived
other_head -> why a model has no classifier, where the file has none by the architecture's names
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from ...errors import LoadError
from ...values import Classifier, Family
from ..classifier import headless
from ..libraries import few
from ..outputs import NoClassifier
from .choose import Chosen, choose
from .other_head import without_head
from .read import read
from .report import check_fit, weights_note
from .shapes import Form, Shapes, check_tensors, form_of, head_names, shapes_of

__all__ = ["load_checkpoint"]


def load_checkpoint(path: Path, family: Family, architecture: str) -> Classifier:
    """Build `architecture` as the file needs it, and load the file into it, whole.

    Nothing is resampled. A file without a classifier becomes a backbone.

    Raises:
        LoadError: The file is missing or broken, would run code, or does not fit.
    """
    name = f"{family.name}:{architecture}"
    sets = read(path)
    bare = _bare(family, architecture, Form())
    chosen = choose(path, sets, shapes_of(bare.state_dict()))
    check_tensors(path, chosen.weights)
    form = form_of(path, bare, shapes_of({**chosen.extra, **chosen.weights}))
    heads = _lacking(path, name, bare, chosen) if form.classes is None else {}
    if heads:
        form = replace(form, classes=0)
    if form != Form():
        bare = _bare(family, architecture, form)
        chosen = choose(path, sets, shapes_of(bare.state_dict()))
        check_tensors(path, chosen.weights)
    check_fit(path, name, bare, chosen)
    module = family.build(architecture, form.classes, **form.options())
    module.load_state_dict(chosen.weights)
    classifier = family.wrap(module.eval(), f"{path.name} ({name})")
    if heads and isinstance(classifier.predict, NoClassifier):
        classifier = headless(classifier, *without_head(path, sets, chosen, heads))
    return replace(classifier, notes=(*classifier.notes, *weights_note(chosen, form)))


def _bare(family: Family, architecture: str, form: Form) -> nn.Module:
    """The architecture's names and shapes; without numbers where the library can do without."""
    try:
        with torch.device("meta"):
            return family.build(architecture, form.classes, **form.options())
    except (RuntimeError, NotImplementedError):  # it computes with its weights while it is built
        return family.build(architecture, form.classes, **form.options())


def _lacking(path: Path, name: str, bare: nn.Module, chosen: Chosen) -> Shapes:
    """The classifier's shapes where they are all that the file lacks, else none.

    Raises LoadError where the file's own is another.
    """
    own = shapes_of(bare.state_dict())
    heads = head_names(own)
    missing = {key for key in own if key not in chosen.weights}
    if not missing or missing != set(heads):
        return {}
    inside = tuple(f"{key.rpartition('.')[0]}." for key in heads)
    other = {key: some for key, some in chosen.extra.items() if key.startswith(inside)}
    if other:
        shapes = [f"{key} {tuple(tensor.shape)}" for key, tensor in other.items()]
        raise LoadError(
            f"{path} has another kind of head than {name}: {few(shapes)} instead of "
            f"{', '.join(heads)}; build the module with that head, load the file into it, and give "
            "agcam the module."
        )
    return {key: own[key] for key in heads}
