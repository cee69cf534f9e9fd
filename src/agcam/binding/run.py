"""What a classifier needs to be run: pixels where its weights are, and names for its classes."""

from __future__ import annotations

from torch import Tensor

from ..errors import ModelError
from ..values import Classifier


def class_names(classifier: Classifier, classes: int) -> tuple[str, ...]:
    """The class names; ModelError if there are not as many as classes."""
    names = classifier.class_names
    if names and len(names) != classes:
        raise ModelError(
            f"{classifier.name} has {classes} classes, but {len(names)} class names were given."
        )
    return names


def to_model(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Pixels where, and in the precision in which, the model's weights are.

    Raises:
        ModelError: For weights without numbers, and those that torch cannot differentiate through.

    """
    weights = list(classifier.module.parameters())
    weight = next((some for some in weights if some.is_floating_point()), None)
    if weight is None:
        return pixels.clone()
    if any(some.is_meta for some in weights):
        raise ModelError(
            f"{classifier.name} has weights on the meta device, shapes without numbers: load them "
            "first (to_empty and load_state_dict, or without device_map)."
        )
    if weight.is_inference():
        raise ModelError(
            f"{classifier.name} was made inside torch.inference_mode(), so torch cannot "
            "differentiate through it; make or load it outside."
        )
    moved = pixels.to(weight.device, weight.dtype)
    return moved.clone() if moved.is_inference() else moved
