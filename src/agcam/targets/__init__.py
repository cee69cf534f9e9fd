"""Targets: from what a user writes to columns of what a model gives, and functions of it.

`parse` reads the target, `function_for` makes a function of each item that is not a class, and
`Targets.columns` gives, once the logits are known, the column of every target of every picture.
"""

from .functions import Function, cosine_to, embedding_of, function_for
from .kinds import Against, Similarity, Target, Top
from .parse import Item, Targets, parse
from .values import values_of

__all__ = [
    "Against",
    "Function",
    "Item",
    "Similarity",
    "Target",
    "Targets",
    "Top",
    "cosine_to",
    "embedding_of",
    "function_for",
    "parse",
    "values_of",
]
