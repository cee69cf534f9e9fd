"""Room `families`: the one way from what a user has to a classifier, `load`.

what the user has    sources      a name, a folder, a file of weights, a module, a pipeline
                     checkpoints  a file of weights for a named architecture
-> a module          modules      whose it is, or whose model lies within it
                     wrappers     what is around it (DataParallel, PEFT, torch.compile, ...)
                     heads        its classifier: whether there is one, for how many classes
-> its family        table        one row for each library: timm_vit, hf_vit, torchvision_vit,
                                  open_clip_vit, demo; what they share is in `libraries`
-> a Classifier      classifier   module, preparation, class names, scores, put together
                     calls        runs the module as it is, on a picture and further `inputs`
                     outputs      the logits in whatever it returns
-> as stated         stated       preparation, logits, scores, class names and device of the
                                  user's own
-> as its output     inspection   one pass, remembered: where the logits are, how they become
   shows it                       probabilities, whether the class names are theirs
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..values import Classifier
from .classifier import with_output
from .fingerprint import weights_hash
from .inputs import Inputs
from .inspection import inspect_output
from .outputs import NoClassifier, NoLogitsError
from .sources import classifier_from
from .stated import (
    class_names,
    on_device,
    with_logits,
    with_names,
    with_preparation,
    with_scores,
)
from .table import FAMILIES, list_models, way_of

__all__ = [
    "FAMILIES",
    "Inputs",
    "NoClassifier",
    "NoLogitsError",
    "class_names",
    "inspect_output",
    "list_models",
    "load",
    "on_device",
    "way_of",
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

    Args:
        model: A name (`list_models`), a path, a torch module, a Hugging Face pipeline, or a
            Classifier.
        arch: What a file of weights is for, "timm:NAME".
        classes: Class names: a list in the order of the outputs, `id2label`, `label2id` or a
            ClassLabel; text prompts, for CLIP-like models.
        preparation: How pictures are prepared: an `agcam.Preparation`, a mapping of what differs
            from the model's own ({"size": 384}), or your own torchvision, timm or albumentations
            transform, Hugging Face image processor or function of a PIL picture, which runs as it
            is while the part of the picture that it shows is measured.
        logits: Where the logits (batch, class) are in what the model returns, for models that
            return several tensors: `lambda y: y[0]`.
        trust_remote_code: Let a Hugging Face model run code of its own; never by default.
        scores: How logits become probabilities, where the model does not state it: "softmax",
            "sigmoid", "none" or "probability".

    Raises:
        LoadError: The weights cannot be had, or do not fit; `classes` or `scores` are none.
        UnknownNameError: No model has that name.
        ModelError: It is not a model, or does not fit what is stated of it.
        PictureError: `preparation` does not work.

    """
    classifier = classifier_from(model, arch, trust_remote_code)
    if preparation is not None:
        classifier = with_preparation(classifier, preparation)
    if logits is not None:
        classifier = with_logits(classifier, logits)
    if scores is not None:
        classifier = with_scores(classifier, scores)
    return classifier if classes is None else with_names(classifier, classes)
