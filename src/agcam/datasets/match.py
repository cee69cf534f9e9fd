"""Which class of a model a class of a data set is: by synset, else by name."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from .checked import repeated
from .classes import SYNSET, split_names
from .synsets import imagenet_synsets, names_of

_SUBSETS = ("imagenet-1k", "imagenet-12k", "imagenet-22k", "imagenet-21k-goog", "imagenet-21k-miil")
_ENOUGH = 0.95  # of the names must agree with ImageNet's, number by number
_SMALLEST = 900  # fewer classes than any whole ImageNet


@dataclass(frozen=True)
class _Match:
    """The model's class for one label, and how it was found ("synset", "name") or why not."""

    number: int | None
    how: str


def match_classes(
    classes: Sequence[Sequence[str]], model_names: Sequence[str]
) -> tuple[int | None, ...]:
    """Find the model's class for each class of a data set.

    By synset where the data set has it and the model's classes are synsets or one of ImageNet's
    lists (recognised by its names, number by number; timm ships the lists). Else by name: one that
    is equal goes before one in which only case, underscores and spaces differ, any synonym counts.
    A name that fits several classes of the model, and a class of the model that several classes fit
    by name, match nothing.

    Args:
        classes: All names of each class of the data set, its synset first where it has one.
        model_names: The model's class names, synonyms between commas.

    Returns:
        A class number of the model for each class of the data set, or None.
    """
    return tuple(found.number for found in _matches(classes, model_names))


def why_unmatched(classes: Sequence[Sequence[str]], model_names: Sequence[str]) -> tuple[str, ...]:
    """Why `match_classes` finds no class of the model, for each class; empty where it does."""
    return tuple(
        ""
        if found.number is not None
        else f"the model has no class {_shown(names)!r}"
        if found.how == "unknown"
        else f"{_shown(names)!r} is ambiguous: {found.how}"
        for names, found in zip(classes, _matches(classes, model_names), strict=True)
    )


def describe_match(classes: Sequence[Sequence[str]], model_names: Sequence[str]) -> str:
    """Report on `match_classes`: how many classes matched how, and which did not."""
    found = _matches(classes, model_names)
    how = [one.how for one in found]
    matched = sum(one.number is not None for one in found)
    lines = [
        f"{matched} of {len(classes)} classes are known to the model: "
        f"{how.count('synset')} by synset, {how.count('name')} by name."
    ]
    unmatched = [_shown(c) for c, one in zip(classes, found, strict=True) if one.how == "unknown"]
    if unmatched:
        lines.append(f"Unknown to it ({len(unmatched)}): {'; '.join(unmatched)}.")
    lines += [
        f"Ambiguous: {_shown(names)}: {one.how}."
        for names, one in zip(classes, found, strict=True)
        if one.how not in {"synset", "name", "unknown"}
    ]
    return "\n".join(lines)


def _shown(names: Sequence[str]) -> str:
    return " ".join(names[:2]) if SYNSET.fullmatch(names[0]) else names[0]


def _matches(classes: Sequence[Sequence[str]], model_names: Sequence[str]) -> list[_Match]:
    model = _ModelClasses(model_names)
    found = [model.find(names) for names in classes]
    shared = repeated(one.number for one in found)
    return [
        _Match(None, f"other classes are called {model_names[one.number]!r} too")
        if one.how == "name" and one.number is not None and one.number in shared
        else one
        for one in found
    ]


class _ModelClasses:
    """The numbers of a model's classes by synset, by name as it is and plain, and by synonym."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.by_synset = {s: number for number, s in enumerate(_synsets(names)) if s}
        self.as_is: defaultdict[str, set[int]] = defaultdict(set)
        self.by_name: defaultdict[str, set[int]] = defaultdict(set)
        self.by_synonym: defaultdict[str, set[int]] = defaultdict(set)
        for number, name in enumerate(names):
            self.as_is[name].add(number)
            self.by_name[_plain(name)].add(number)
            for synonym in _synonyms(name):
                self.by_synonym[synonym].add(number)

    def find(self, names: Sequence[str]) -> _Match:
        """The one class that fits: the first name goes before the others, a whole name first."""
        is_synset = SYNSET.fullmatch(names[0]) is not None
        if is_synset and self.by_synset:
            number = self.by_synset.get(names[0])
            if number is not None:
                return _Match(number, "synset")
            if len(self.by_synset) == len(self.names):
                return _Match(None, "unknown")  # every class of the model is another synset
        known = [name for name in names if not SYNSET.fullmatch(name)]
        known = known or list(names_of(names[0]) if is_synset else ())
        plain = [_plain(name) for name in known]
        for some in (slice(1), slice(None)):
            for table in (self.as_is, self.by_name, self.by_synonym):
                tried = (known if table is self.as_is else plain)[some]
                numbers = sorted(set().union(*(table.get(name, set()) for name in tried)))
                if len(numbers) == 1:
                    return _Match(numbers[0], "name")
                if numbers:
                    which = ", ".join(f"{number} ({self.names[number]})" for number in numbers)
                    return _Match(None, f"the model's {which} all have this name")
        return _Match(None, "unknown")


def _synsets(model_names: Sequence[str]) -> list[str]:
    """The synset of each class of the model; "" where it is not known."""
    own = [name if SYNSET.fullmatch(name) else "" for name in model_names]
    if any(own) or len(model_names) < _SMALLEST:
        return own
    for subset in _SUBSETS:
        synsets = imagenet_synsets(subset)
        if len(synsets) == len(model_names):
            agree = [
                not _synonyms(name).isdisjoint(map(_plain, names_of(synset)))
                for name, synset in zip(model_names, synsets, strict=True)
            ]
            if sum(agree) >= _ENOUGH * len(agree):
                return list(synsets)
    return own


def _synonyms(name: str) -> set[str]:
    return {_plain(part) for part in split_names(name) or (name,)}


def _plain(name: str) -> str:
    composed = unicodedata.normalize("NFC", name)  # file systems take letters and accents apart
    return " ".join(composed.replace("_", " ").casefold().split())
