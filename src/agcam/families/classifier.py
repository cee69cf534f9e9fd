"""A classifier from a module and what is known of it, and what is changed of one later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from torch import nn

from ..values import Classifier, Preparation, Scores, Transform
from .calls import Call
from .heads import class_count, missing_classifier
from .outputs import INSTEAD, NoClassifier, Predict
from .wrappers import unwrapped

ONE_LOGIT: Final = "one logit: its probability is taken as a sigmoid"
NAMES_NOTE: Final = "class names: "  # how every note about them begins
IMAGENET_GUESS: Final = (
    f"{NAMES_NOTE}a guess, ImageNet's, for its head has {{count:,}} outputs; if it was trained for "
    "other classes, give them: classes=[...] (--classes FILE)"
)
OWN_HEAD: Final = (
    f"{NAMES_NOTE}none, for its head of several layers is not the library's; give them: "
    "classes=[...] (--classes FILE)"
)


def classifier_of(
    module: nn.Module,
    name: str,
    family: str,
    *,
    preparation: Preparation | Transform | None = None,
    class_names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    scores: Scores | None = None,
    has_classifier: bool = False,
) -> Classifier:
    """Run the module as it is; one without a head becomes a backbone, whose `predict` refuses.

    Args:
        module: The user's module, with whatever is wrapped around it.
        name: What messages call it.
        family: The library that it comes from.
        preparation: How it wants its pictures, where that is known.
        class_names: In the order of its outputs; empty where they are not known.
        notes: Sentences for the user.
        scores: As the model states; None: a softmax, or a sigmoid of a single logit.
        has_classifier: True where it is known to have one; else its head is looked at.

    """
    inner = unwrapped(module)
    if scores is None and class_count(inner) == 1:
        scores, notes = "sigmoid", (*notes, ONE_LOGIT)
    call = Call(module, name)
    made = Classifier(
        module=module,
        predict=Predict(call, name),
        output=call,
        name=name,
        family=family,
        preparation=preparation,
        class_names=class_names,
        notes=notes,
        scores=scores or "softmax",
    )
    why = "" if has_classifier else missing_classifier(inner)
    return headless(made, why) if why else made


def headless(classifier: Classifier, why: str, instead: str = INSTEAD) -> Classifier:
    """The same model as a backbone: `output` stays, `predict` raises ModelError and says `why`."""
    refusal = NoClassifier(classifier.name, why, instead)
    return replace(classifier, predict=refusal, class_names=(), scores="none")


def with_output(classifier: Classifier, output: Callable[..., Any]) -> Classifier:
    """The same classifier, run by another call; its logits are found where they were before."""
    predict = classifier.predict
    if isinstance(predict, Predict):
        predict = replace(predict, output=output)
    return replace(classifier, output=output, predict=predict)
