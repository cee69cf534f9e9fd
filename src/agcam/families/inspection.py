"""One pass over one picture: where the logits of a module of one's own are, and what they are.

A library's own classifier needs none of this. Any other module may end in a softmax, pass on the
features of a backbone, or have a head of its own behind a model whose class names are not its.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from ..undo import hook, undoing
from ..values import Classifier, Scores
from .assemble import ONE_LOGIT
from .heads import headless, heads_of
from .modules import NAMES_WITHIN, known_within
from .outputs import Anywhere, At, Predict, find, leaves, refuse_ranked
from .table import owner
from .wrappers import peeled

LIBRARIES: Final = ("timm", "transformers", "torchvision", "open_clip")
WEIGHING: Final = re.compile(r"mm|conv|linear|dot|mv|bilinear|embedding", re.I)
"""Operations by which a head of one's own would make classes of features."""
RESHAPING: Final = re.compile(
    r"view|reshape|select|slice|squeeze|tocopy|clone|alias|permute|transpose|^T|contiguous|expand",
    re.I,
)
ENDS_IN: Final = "it ends in a {end} of its own: its outputs are taken as probabilities"
ROUNDING: Final = 1e-3
FAILS: Final = (RuntimeError, ValueError, TypeError, LookupError, AssertionError, AttributeError)


def inspect_output(classifier: Classifier, pixels: Tensor) -> Classifier:
    """Look at what the model gives for the first picture; call in evaluation mode.

    Raises ModelError where no logits are found in it.
    """
    predict = classifier.predict
    if not isinstance(predict, Predict) or is_plain(classifier.module):
        return classifier
    known = known_within(peeled(classifier.module))
    seen = _pass(classifier, known, pixels[:1])
    if seen is None:
        return classifier  # the pass that counts says why it does not run
    output, given = seen
    notes = list(classifier.notes)
    if isinstance(predict.pick, Anywhere):
        refuse_ranked(output, classifier.name)
        leaf = find(output, classifier.name)
        predict = replace(predict, pick=At(classifier.name, leaf.of))
        if leaf.code != "y":
            notes.append(f"logits: {leaf.code} of y, the {type(output).__name__} that it gives")
    logits = predict.pick(output, 1)
    behind = [_behind(logits, inner) for inner in given]
    headed = any(isinstance(some.predict, Predict) for some in known)
    if known and not headed and _are_features(logits, given, behind):
        return headless(classifier, f"it gives the features of the {known[0].name} within it")
    passed_on = bool(known) and _passed_on(logits, given, behind)
    scores, note = _scores(classifier, logits, known[0].scores if passed_on else "softmax")
    names = _names(classifier, known, passed_on, logits.shape[1])
    if names != classifier.class_names:
        notes = [some for some in notes if not some.startswith(NAMES_WITHIN)]
    return replace(
        classifier, predict=predict, scores=scores, class_names=names, notes=(*notes, *note)
    )


def _names(
    classifier: Classifier, known: list[Classifier], passed_on: bool, count: int
) -> tuple[str, ...]:
    """The class names: those that the user gave; a library's where they are of these logits."""
    names, inner = classifier.class_names, peeled(classifier.module)
    family = owner(inner)
    if known and names == known[0].class_names and not passed_on:
        return ()
    own = [family.wrap(inner, "")] if family is not None else []
    from_library = any(names == some.class_names for some in (*known, *own))
    return () if from_library and len(names) != count else names


def is_plain(module: nn.Module) -> bool:
    """Whether this is a library's own model as the library made it, but for its weights."""
    inner = peeled(module)
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


def _pass(
    classifier: Classifier, known: list[Classifier], pixels: Tensor
) -> tuple[Any, list[Any]] | None:
    """The output, and that of each known model within; with its graph where there is one."""
    assert isinstance(classifier.predict, Predict)
    parts = [part for some in known for part in _watched(some)]
    for with_graph in (True, False):  # some models (quantised) run without a graph alone
        given: list[Any] = []
        with undoing() as undo, torch.set_grad_enabled(with_graph), suppress(*FAILS):
            for part in parts:
                hook(undo, part, after=partial(_keep, given))
            start = pixels.detach().clone().requires_grad_(with_graph)
            return classifier.predict.output(start), given
    return None


def _watched(known: Classifier) -> list[nn.Module]:
    """A classifier as a whole; of a backbone every part, for its features are taken from any."""
    module = known.module
    if isinstance(known.predict, Predict):
        return [module]
    return [part for part in module.modules() if not isinstance(part, torch.jit.ScriptModule)]


def _keep(given: list[Any], _: nn.Module, __: Any, output: Any) -> None:
    given.append(output)


def _behind(logits: Tensor, inner: Any) -> bool:
    """Whether the logits come from what the inner model gave without any weights between."""
    ends = {leaf.tensor.grad_fn for leaf in leaves(inner)} - {None}
    if any(leaf.tensor is logits for leaf in leaves(inner)):
        return True
    waiting, visited, reached = [logits.grad_fn], set[Any](), False
    while waiting:
        node = waiting.pop()
        if node is None or node in visited:
            continue
        visited.add(node)
        if node in ends:
            reached = True
            continue
        if WEIGHING.search(node.name()):
            return False
        waiting += [following for following, _ in node.next_functions]
    return reached


def _are_features(logits: Tensor, given: list[Any], behind: list[bool]) -> bool:
    """Whether the outputs are features themselves, as many as one token has or several together.

    Fewer are made of them without a layer: distances to prototypes, say.
    """
    widths = {
        max(shape[1:]) if len(shape) == 4 else shape[-1]
        for inner, directly in zip(given, behind, strict=True)
        if directly
        for shape in (leaf.tensor.shape for leaf in leaves(inner))
        if len(shape) > 1
    }
    return any(width > 1 and logits.shape[1] % width == 0 for width in widths)


def _scores(
    classifier: Classifier, logits: Tensor, inner: Scores
) -> tuple[Scores, tuple[str, ...]]:
    """How these logits become probabilities; `inner`: as the model within says of its own."""
    if classifier.scores != "softmax":
        return classifier.scores, ()
    end = _ending(logits.grad_fn)
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


def _ending(node: Any) -> str:
    """The operation that made the logits, but for changes of their shape; empty where unknown."""
    while node is not None and RESHAPING.search(node.name()):
        node = node.next_functions[0][0] if node.next_functions else None
    return "" if node is None else str(node.name())


def _passed_on(logits: Tensor, given: list[Any], behind: list[bool]) -> bool:
    """Whether the logits are those of a model within, in their order, but for their scale."""
    order = logits.argsort(1)
    return any(
        leaf.tensor.shape == logits.shape and leaf.tensor.argsort(1).equal(order)
        for inner, directly in zip(given, behind, strict=True)
        if directly
        for leaf in leaves(inner)
    )
