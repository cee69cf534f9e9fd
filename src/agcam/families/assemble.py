"""A classifier from a module and what is known of it."""

from __future__ import annotations

from torch import nn

from ..values import Classifier, Preparation, Scores
from .heads import class_count, headless, without_classifier
from .inputs import calling
from .outputs import Anywhere, Predict
from .wrappers import peeled

ONE_LOGIT = "one logit: its probability is taken as a sigmoid"


def classifier_of(
    module: nn.Module,
    name: str,
    family: str,
    *,
    preparation: Preparation | None = None,
    class_names: tuple[str, ...] = (),
    notes: tuple[str, ...] = (),
    scores: Scores | None = None,
    has_classifier: bool | None = None,
) -> Classifier:
    """Run the module as it is; a backbone without a head is one that `predict` refuses.

    `scores` are as the model says; None: a softmax, or a sigmoid of a single logit.
    `has_classifier` None: the module's head is looked at.
    """
    inner = peeled(module)
    if scores is None and class_count(inner) == 1:
        scores, notes = "sigmoid", (*notes, ONE_LOGIT)
    output = calling(module, name)
    made = Classifier(
        module=module,
        predict=Predict(output, Anywhere(name)),
        output=output,
        name=name,
        family=family,
        preparation=preparation,
        class_names=class_names,
        notes=notes,
        scores=scores or "softmax",
    )
    why = "" if has_classifier else without_classifier(inner)
    return headless(made, why) if why else made
