"""A classifier from a module that the user has, whatever is wrapped around it or lies within."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from torch import nn
from torch.nn.parameter import is_lazy

from ..errors import ModelError
from ..values import Classifier, Preparation, Transform
from .assemble import classifier_of
from .inputs import calling, with_output
from .outputs import Predict
from .table import owner
from .wrappers import outermost, peeled

NAMES_WITHIN: Final = "class names: those of the "


def wrap(module: nn.Module) -> Classifier:
    """Know a module by what it is, or by the library's model within; run it as it is."""
    module = getattr(module, "_orig_mod", module)  # agcam runs no compiled code
    if any(map(is_lazy, module.parameters())):
        raise ModelError(
            f"{type(module).__name__} has lazy layers without weights: load its weights, or run it "
            "once on a prepared picture, before it is given to agcam."
        )
    inner = peeled(module)
    family = owner(inner)
    if family is None:
        return _around(module, inner)
    known = guessed(family.wrap(inner, type(inner).__name__))
    if module is inner or known.with_prompts is not None:
        return known
    return run_as(known, module)


def run_as(known: Classifier, module: nn.Module) -> Classifier:
    """The same classifier, run through a wrapper that only passes on what it gives."""
    return with_output(replace(known, module=module), calling(module, known.name))


def guessed(classifier: Classifier) -> Classifier:
    """Weights that came without a word on how they were trained: the preparation is a guess."""
    preparation = classifier.preparation
    if not isinstance(preparation, Preparation):
        return classifier
    return replace(classifier, preparation=replace(preparation, guess=True))


def known_within(module: nn.Module) -> list[Classifier]:
    """What the libraries say of their models within a module."""
    found = []
    for part in outermost(module, lambda part: owner(part) is not None):
        family = owner(part)
        if family is not None:
            found.append(guessed(family.wrap(part, type(part).__name__)))
    return found


def _around(module: nn.Module, inner: nn.Module) -> Classifier:
    """A module of the user's own: pictures and names are those of the one model within it."""
    name = type(inner).__name__
    known = known_within(inner)
    # an empty head of its own may stand behind one that has classes
    has_head = any(isinstance(some.predict, Predict) for some in known)
    made = classifier_of(module, name, "module", has_classifier=True if has_head else None)
    if not known:
        return made
    if not _agree(known):
        kinds = ", ".join(some.name for some in known)
        note = f"{name} holds {len(known)} models ({kinds}): whose preparation is meant is unknown"
        return replace(made, notes=(*made.notes, note))
    first = known[0]
    names = first.class_names if isinstance(made.predict, Predict) else ()
    names_note = (f"{NAMES_WITHIN}{first.name} within {name}",) if names else ()
    return replace(
        made,
        family=first.family,
        preparation=_within(first, name),
        class_names=names,
        notes=(*made.notes, *first.notes, *names_note),
    )


def _within(known: Classifier, name: str) -> Preparation | Transform | None:
    """The inner model's preparation, and where it comes from in words."""
    preparation = known.preparation
    if not isinstance(preparation, Preparation):
        return preparation
    source = f"{preparation.source}, of the {known.name} within {name}"
    return replace(preparation, source=source)


def _agree(known: Sequence[Classifier]) -> bool:
    first = known[0]
    return all(
        (some.family, some.preparation, some.class_names)
        == (first.family, first.preparation, first.class_names)
        for some in known
    )
