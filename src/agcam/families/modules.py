"""A classifier from a module of the user's: known by its library, or by the model within it."""

from __future__ import annotations

from dataclasses import replace

from torch import nn
from torch.nn.parameter import is_lazy

from ..errors import ModelError
from ..values import Classifier, Preparation
from .calls import Call
from .classifier import NAMES_NOTE, classifier_of, with_output
from .outputs import Predict
from .table import owner
from .wrappers import outermost, unwrapped


def wrap(module: nn.Module) -> Classifier:
    """Know a module by what it is, or by the library's model within; run it as it is.

    Raises:
        ModelError: The module has lazy layers without weights.

    """
    module = getattr(module, "_orig_mod", module)  # agcam runs no compiled code
    if any(map(is_lazy, module.parameters())):
        raise ModelError(
            f"{type(module).__name__} has lazy layers without weights: load its weights, or run it "
            "once on a prepared picture, before it is given to agcam."
        )
    inner = unwrapped(module)
    if owner(inner) is None:
        return _around(module, inner)
    known = known_as(inner)
    if module is inner or known.with_prompts is not None:
        return known
    return with_output(replace(known, module=module), Call(module, known.name))


def known_as(module: nn.Module) -> Classifier:
    """What its library knows of a module whose weights may have been trained in any way."""
    family = owner(module)
    assert family is not None, "callers looked"
    return as_guess(family.wrap(module, type(module).__name__))


def as_guess(classifier: Classifier) -> Classifier:
    """The same, its preparation a guess: nothing is known of how the weights were trained."""
    preparation = classifier.preparation
    if not isinstance(preparation, Preparation):
        return classifier
    return replace(classifier, preparation=replace(preparation, guess=True))


def known_within(module: nn.Module) -> list[Classifier]:
    """What the libraries know of their models within a module."""
    return [known_as(part) for part in outermost(module, lambda part: owner(part) is not None)]


def _around(module: nn.Module, inner: nn.Module) -> Classifier:
    """A module of the user's own: pictures and names are those of the one model within it."""
    name = type(inner).__name__
    known = known_within(inner)
    # an empty head of its own may stand behind one that has classes
    has_head = any(isinstance(some.predict, Predict) for some in known)
    made = classifier_of(module, name, "module", has_classifier=has_head)
    if not known:
        return made
    first = known[0]
    if any(_facts(some) != _facts(first) for some in known):
        kinds = ", ".join(some.name for some in known)
        note = f"{name} holds {len(known)} models ({kinds}): whose preparation is meant is unknown"
        return replace(made, notes=(*made.notes, note))
    notes, preparation = first.notes, first.preparation
    names = first.class_names if isinstance(made.predict, Predict) else ()
    if names:
        notes = tuple(note for note in notes if not note.startswith(NAMES_NOTE))
        notes = (*notes, f"{NAMES_NOTE}those of the {first.name} within {name}")
    if isinstance(preparation, Preparation):
        source = f"{preparation.source}, of the {first.name} within {name}"
        preparation = replace(preparation, source=source)
    return replace(
        made,
        family=first.family,
        preparation=preparation,
        class_names=names,
        notes=(*made.notes, *notes),
    )


def _facts(classifier: Classifier) -> tuple[object, ...]:
    return classifier.family, classifier.preparation, classifier.class_names
