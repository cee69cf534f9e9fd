"""Which class of a model a class of a data set is: by synset, else by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .classes import SYNSET, split_names
from .synsets import imagenet_synsets, names_of

_SUBSETS = ("imagenet-1k", "imagenet-12k", "imagenet-22k", "imagenet-21k-goog", "imagenet-21k-miil")
_ENOUGH = 0.95  # of the names must agree with ImageNet's, number by number
_SMALLEST = 900  # fewer classes than any whole ImageNet


@dataclass(frozen=True)
class _Found:
    """The model's class for one label, and how it was found ("synset", "name") or why not."""

    index: int | None
    how: str


def match_classes(
    classes: Sequence[Sequence[str]], model_names: Sequence[str]
) -> tuple[int | None, ...]:
    """Find the model's class for each class of a data set.

    By synset where the data set has it and the model's classes are synsets or one of ImageNet's
    lists (recognised by its names, number by number; timm ships the lists). Else by name: case,
    underscores and spaces do not matter, any synonym counts. A name that fits several classes of
    the model, and a class of the model that several classes fit by name, match nothing.

    Args:
        classes: All names of each class of the data set, its synset first where it has one.
        model_names: The model's class names, synonyms between commas.

    Returns:
        A class number of the model for each class of the data set, or None.
    """
    return tuple(found.index for found in _match(classes, model_names))


def describe_match(classes: Sequence[Sequence[str]], model_names: Sequence[str]) -> str:
    """Report on `match_classes`: how many classes matched how, and which did not."""
    found = _match(classes, model_names)
    how = [one.how for one in found]
    matched = sum(one.index is not None for one in found)
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


def _match(classes: Sequence[Sequence[str]], model_names: Sequence[str]) -> list[_Found]:
    synsets = _synsets(model_names)
    by_synset = {synset: index for index, synset in enumerate(synsets) if synset}
    whole = _numbers((_plain(name), index) for index, name in enumerate(model_names))
    parts = _numbers(
        (_plain(part), index) for index, name in enumerate(model_names) for part in _parts(name)
    )
    found = [_one(names, by_synset, whole, parts, model_names) for names in classes]
    taken: dict[int, int] = {}
    for one in found:
        if one.index is not None:
            taken[one.index] = taken.get(one.index, 0) + 1
    return [
        _Found(None, f"other classes are called {model_names[one.index]!r} too")
        if one.how == "name" and one.index is not None and taken[one.index] > 1
        else one
        for one in found
    ]


def _one(
    names: Sequence[str],
    by_synset: dict[str, int],
    whole: dict[str, set[int]],
    parts: dict[str, set[int]],
    model_names: Sequence[str],
) -> _Found:
    if SYNSET.fullmatch(names[0]) and by_synset:
        index = by_synset.get(names[0])
        if index is not None:
            return _Found(index, "synset")
        if len(by_synset) == len(model_names):
            return _Found(None, "unknown")  # every class of the model is another synset
    known = [name for name in names if not SYNSET.fullmatch(name)]
    if not known and SYNSET.fullmatch(names[0]):
        known = list(names_of(names[0]))
    plain = [_plain(name) for name in known]
    for fitting in (
        _numbers_of(plain[:1], whole),
        _numbers_of(plain[:1], parts),
        _numbers_of(plain, whole),
        _numbers_of(plain, parts),
    ):
        if len(fitting) == 1:
            return _Found(fitting[0], "name")
        if fitting:
            which = ", ".join(f"{index} ({model_names[index]})" for index in fitting)
            return _Found(None, f"the model's {which} are called so")
    return _Found(None, "unknown")


def _synsets(model_names: Sequence[str]) -> list[str]:
    """The synset of each class of the model; "" where it is not known."""
    own = [name if SYNSET.fullmatch(name) else "" for name in model_names]
    if any(own) or len(model_names) < _SMALLEST:
        return own
    for subset in _SUBSETS:
        synsets = imagenet_synsets(subset)
        if len(synsets) == len(model_names):
            agree = [
                not {_plain(part) for part in _parts(name)}.isdisjoint(
                    map(_plain, names_of(synset))
                )
                for name, synset in zip(model_names, synsets, strict=True)
            ]
            if sum(agree) >= _ENOUGH * len(agree):
                return list(synsets)
    return own


def _parts(name: str) -> tuple[str, ...]:
    return split_names(name) or (name,)


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())


def _numbers(pairs: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for name, index in pairs:
        found.setdefault(name, set()).add(index)
    return found


def _numbers_of(names: Sequence[str], table: dict[str, set[int]]) -> list[int]:
    return sorted(set().union(*(table.get(name, set()) for name in names)))
