"""Class names in the forms in which people have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import LoadError

FORMS = (
    'class names are a list in the order of the outputs, id2label ({0: "cat", ...}), label2id '
    '({"cat": 0, ...}), or a data set\'s ClassLabel'
)


def class_names(classes: Any) -> tuple[str, ...]:
    """Names in the order of the outputs, from a list, id2label, label2id or a ClassLabel.

    Raises LoadError for other things, and for numbers that are not 0 to n - 1.
    """
    if isinstance(classes, Mapping):
        labels = [value for value in classes.values() if hasattr(value, "names")]
        if len(labels) == 1:  # the features of a Hugging Face data set
            return class_names(labels[0])
        return _numbered(classes)
    names = getattr(classes, "names", classes)
    if not isinstance(names, Sequence) or isinstance(names, str | bytes) or not names:
        raise LoadError(f"{FORMS}, not {classes!r:.80}.")
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        raise LoadError(f"a class name is a string, not {odd[0]!r:.80}; {FORMS}.")
    return tuple(names)


def _numbered(classes: Mapping[Any, Any]) -> tuple[str, ...]:
    """A dictionary from number to name, or from name to number."""
    by_name = all(type(value) is int for value in classes.values())
    pairs = [(n, name) for name, n in classes.items()] if by_name else list(classes.items())
    try:
        table = {int(number): name for number, name in pairs}
    except (TypeError, ValueError):
        raise LoadError(f"{FORMS}, not {dict(classes)!r:.80}.") from None
    absent = [number for number in range(len(pairs)) if number not in table]
    if absent or not pairs:
        raise LoadError(
            f"{len(pairs)} class names have the numbers 0 to {len(pairs) - 1}, each once; "
            f"{absent[0] if absent else 'all'} has none."
        )
    return class_names([table[number] for number in range(len(table))])
