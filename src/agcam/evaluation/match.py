"""From a data set's classes to the model's: by synset or name, or one to one by number."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..errors import RunError
from ..values import Classifier


def match(
    classes: Sequence[Sequence[str]], classifier: Classifier
) -> tuple[int | None, ...]:
    """For each class of the data set the model's class, or None where it has none of that name.

    Names are compared without case, `_` as a space: first whole names and synsets, then synonyms
    between commas; a synonym that two of the model's classes share matches neither. A model without
    class names is matched by number if it has as many classes. Raises RunError if nothing matches.
    """
    if not classifier.class_names:
        outputs = _outputs(classifier.module)
        if outputs != len(classes):
            raise RunError(
                f"{classifier.name}: its class names are not known, and it has not as many classes "
                f"as the data set ({len(classes)}); name them: --classes FILE."
            )
        return tuple(range(len(classes)))
    whole = _unique([[_plain(name)] for name in classifier.class_names])
    parts = _unique([_synonyms(name) for name in classifier.class_names])
    found = tuple(_find(names, whole, parts) for names in classes)
    if not any(index is not None for index in found):
        theirs = ", ".join(names[-1] for names in classes[:3])
        ours = ", ".join(classifier.class_names[:3])
        raise RunError(
            f"none of the data set's {len(classes)} classes ({theirs}, ...) is one of "
            f"{classifier.name}'s ({ours}, ...); name the model's classes: --classes FILE."
        )
    return found


def told(found: Sequence[int | None], classes: Sequence[Sequence[str]]) -> str:
    """The match in one line, and which classes the model lacks."""
    missing = [names[-1] for names, index in zip(classes, found, strict=True) if index is None]
    line = f"{len(classes) - len(missing)} of {len(classes)} classes are known to the model"
    if not missing:
        return line
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    return f"{line}; not {', '.join(missing[:5])}{more}"


def _find(names: Sequence[str], *tables: dict[str, int]) -> int | None:
    plain = [_plain(name) for name in names]
    return next((table[name] for table in tables for name in plain if name in table), None)


def _unique(names: Sequence[Sequence[str]]) -> dict[str, int]:
    """Each name's class; a name of several classes is left out."""
    homes: dict[str, set[int]] = {}
    for index, known in enumerate(names):
        for name in known:
            homes.setdefault(name, set()).add(index)
    return {name: home.pop() for name, home in homes.items() if len(home) == 1}


def _synonyms(name: str) -> list[str]:
    return [_plain(part) for part in name.split(",")]


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _outputs(module: nn.Module) -> int | None:
    """How many classes the last matrix of a module gives."""
    last = [part for part in module.modules() if isinstance(part, nn.Linear)][-1:]
    return last[0].out_features if last else None
