"""One pass over one picture, remembered: where a module's logits are, and what they are.

A library's own classifier needs none of this. Any other module may end in a softmax, pass on the
features of a backbone, or have a head of its own behind a model whose class names are not its.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..undo import hook, undoing
from ..values import Classifier, Scores
from .calls import Call
from .classifier import NAMES_NOTE, ONE_LOGIT, headless
from .fingerprint import make_of, weak_state, weights_state
from .heads import heads_of
from .lineage import are_features, are_passed_on, comes_straight_from, last_operation
from .modules import known_within
from .outputs import NoLogitsError, Place, Predict, find, refuse_ranked
from .table import owner
from .wrappers import unwrapped

LIBRARIES: Final = ("timm", "transformers", "torchvision", "open_clip")
ENDS_IN: Final = "it ends in a {end} of its own: its outputs are taken as probabilities"
ROUNDING: Final = 1e-3
FAILURES: Final = (RuntimeError, ValueError, TypeError, LookupError, AssertionError, AttributeError)


@dataclass(frozen=True)
class _Finding:
    """What one output shows of a classifier.

    `where` is the place of its logits, None where that is known already; `no_classifier` and
    `no_logits` say why there are none.
    """

    scores: Scores = "softmax"
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    where: Place | None = None
    no_classifier: str = ""
    no_logits: str = ""


_Known = tuple[tuple[object, ...], _Finding]
_known: weakref.WeakKeyDictionary[nn.Module, _Known] = weakref.WeakKeyDictionary()


def inspect_output(classifier: Classifier, pixels: Tensor) -> Classifier:
    """Look at what the model returns for the first picture; call in evaluation mode.

    The finding is remembered until the module, its weights, the shape of the pictures or what is
    stated of the classifier changes.

    Raises:
        NoLogitsError: There are no logits in the output.

    """
    predict = classifier.predict
    if not isinstance(predict, Predict) or is_plain(classifier.module):
        return classifier
    state = _state(classifier, predict, pixels)
    before, found = _known.get(classifier.module, (None, None))
    if found is None or state is None or before != state:
        found = _find(classifier, predict, pixels[:1])
        if found is None:
            return classifier  # the pass that counts says why it does not run
        if state is not None:
            _known[classifier.module] = state, found
    if found.no_logits:
        raise NoLogitsError(found.no_logits)
    if found.no_classifier:
        return headless(classifier, found.no_classifier)
    return replace(
        classifier,
        predict=replace(predict, where=found.where or predict.where),
        scores=found.scores,
        class_names=found.class_names,
        notes=found.notes,
    )


def is_plain(module: nn.Module) -> bool:
    """Whether this is a library's own model as the library made it, but for its weights."""
    inner = unwrapped(module)
    if owner(inner) is None or not _is_library(inner) or "forward" in vars(inner):
        return False
    if any(part._forward_hooks for part in (module, inner)):
        return False
    ends = [*heads_of(inner), *list(inner.children())[-1:]]
    parts = [part for end in ends for part in end.modules()]
    odd = (nn.Softmax, nn.Sigmoid, nn.LogSoftmax, nn.Softmax2d)
    return all(_is_library(part) and not isinstance(part, odd) for part in parts)


def _is_library(module: nn.Module) -> bool:
    return type(module).__module__.split(".")[0] in {"torch", "peft", *LIBRARIES}


def _state(classifier: Classifier, predict: Predict, pixels: Tensor) -> tuple[object, ...] | None:
    """All that a finding depends on, nothing of it held alive; None where it may change unseen."""
    weights = weights_state(classifier.module)
    if weights is None or not isinstance(predict.output, Call):  # run with inputs of one picture
        return None
    stated = classifier.name, classifier.scores, classifier.class_names, classifier.notes
    return (
        *(pixels.shape[1:], pixels.dtype, pixels.device, stated, weak_state(predict.where)),
        *(make_of(classifier.module), weights),
    )


def _find(classifier: Classifier, predict: Predict, pixels: Tensor) -> _Finding | None:
    """Look at one output; None where the model does not run."""
    known = known_within(unwrapped(classifier.module))
    passed = _pass(predict, known, pixels)
    if passed is None:
        return None
    output, returned = passed
    notes, where = classifier.notes, None
    try:
        if predict.where is None:
            refuse_ranked(output, classifier.name)
            leaf = find(output, classifier.name)
            where = Place(leaf.code)
            if leaf.code != "y":
                kind = type(output).__name__
                notes = (*notes, f"logits: {leaf.code} of y, the {kind} that it gives")
        logits = replace(predict, where=where or predict.where).logits(output, len(pixels))
    except NoLogitsError as error:
        return _Finding(no_logits=str(error.args[0]))
    sources = [inner for inner in returned if comes_straight_from(logits, inner)]
    has_head = any(isinstance(some.predict, Predict) for some in known)
    if known and not has_head and are_features(logits, sources):
        return _Finding(no_classifier=f"it gives the features of the {known[0].name} within it")
    passed_on = bool(known) and are_passed_on(logits, sources)
    scores, ending = _scores(classifier, logits, known[0].scores if passed_on else "softmax")
    names = _names(classifier, known, passed_on, logits.shape[1])
    if names != classifier.class_names:
        notes = tuple(note for note in notes if not note.startswith(NAMES_NOTE))
    return _Finding(scores, names, (*notes, *ending), where)


def _pass(
    predict: Predict, known: Sequence[Classifier], pixels: Tensor
) -> tuple[Any, list[Any]] | None:
    """The output, and that of each known model within; with its graph where there is one."""
    parts = [part for some in known for part in _watched(some)]
    for with_graph in (True, False):  # some models (quantised) run without a graph alone
        returned: list[Any] = []
        with undoing() as undo, torch.set_grad_enabled(with_graph), suppress(*FAILURES):
            for part in parts:
                hook(undo, part, after=partial(_keep, returned))
            start = pixels.detach().clone().requires_grad_(with_graph)
            return predict.output(start), returned
    return None


def _watched(known: Classifier) -> list[nn.Module]:
    """A classifier as a whole; of a backbone every part, for its features are taken from any."""
    if isinstance(known.predict, Predict):
        return [known.module]
    return [part for part in known.module.modules() if not isinstance(part, torch.jit.ScriptModule)]


def _keep(returned: list[Any], _: nn.Module, __: Any, output: Any) -> None:
    returned.append(output)


def _names(
    classifier: Classifier, known: Sequence[Classifier], passed_on: bool, count: int
) -> tuple[str, ...]:
    """The class names: those that the user gave; a library's where they are of these logits."""
    names, inner = classifier.class_names, unwrapped(classifier.module)
    family = owner(inner)
    if known and names == known[0].class_names and not passed_on:
        return ()
    own = [family.wrap(inner, "")] if family is not None else []
    from_library = any(names == some.class_names for some in (*known, *own))
    return () if from_library and len(names) != count else names


def _scores(
    classifier: Classifier, logits: Tensor, inner: Scores
) -> tuple[Scores, tuple[str, ...]]:
    """How these logits become probabilities; `inner`: as the model within states of its own."""
    if classifier.scores != "softmax":
        return classifier.scores, ()
    end = last_operation(logits)
    values = logits.detach().double()
    inside = bool((values >= 0).all() and (values <= 1).all())
    if inside and end.startswith("Sigmoid"):
        return "probability", (ENDS_IN.format(end="sigmoid"),)
    sums = bool(((values.sum(1) - 1).abs() < ROUNDING).all())
    if inside and (end.startswith("Softmax") or (sums and values.shape[1] > 1)):
        return "probability", (ENDS_IN.format(end="softmax"),)
    if inner == "softmax" and values.shape[1] == 1:
        return "sigmoid", (ONE_LOGIT,)
    return inner, ()
