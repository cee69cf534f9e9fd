"""Binding: from a target to a classifier that gives it for some pictures."""

from .bind import BATCH_SIZE, BoundTarget, bind, find_logits
from .run import class_names, to_model

__all__ = ["BATCH_SIZE", "BoundTarget", "bind", "class_names", "find_logits", "to_model"]
