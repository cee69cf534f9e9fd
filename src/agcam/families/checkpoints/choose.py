"""Which of a file's tensors are an architecture's: the set, the prefix, and what is foreign."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from torch import Tensor

from ...errors import LoadError
from .read import WeightSet
from .shapes import Shapes, head_names

AVERAGED: Final = re.compile(r"(?<![a-z])(ema|swa|averaged?|shadow)(?![a-z])|_ema|ema_", re.I)
HARMLESS: Final = re.compile(
    r"mask_token|decoder|(?<![a-z])ema|teacher|student|momentum|loss|criterion|metric|optim|queue"
    r"|project|predict|n_averaged|total_ops|total_params",
    re.I,
)
"""Names that trainers add beside the model, whatever else they hold."""
COMPUTED: Final = frozenset(
    ("relative_position_index", "relative_coords_table", "attn_mask", "position_ids")
)
"""Buffers that older releases of the libraries saved, and that every model computes for itself."""
OF_A_MODEL: Final = re.compile(
    r"token|norm|(?<![a-z])ln_|embed|dist|rope|rel_pos|regist|gamma|scale|pool", re.I
)
"""Names that belong to a model: to leave one out would change what it computes."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """Tensors under the architecture's names; where they came from, and what was left.

    `prefix` was before every name in the file, `missing_prefix` was missing before every name.
    `extra` are tensors under the same prefix, named as in the file, that the architecture has no
    place for.
    """

    weights: dict[str, Tensor]
    extra: dict[str, Tensor]
    where: str
    prefix: str
    missing_prefix: str
    foreign: tuple[str, ...]
    passed_over: tuple[str, ...] = ()  # other sets that fit as well
    beside: tuple[str, ...] = ()  # names that were found outside the prefix

    @property
    def place(self) -> str:
        """Where in the file the weights were."""
        return ".".join(filter(None, (self.where, self.prefix.rstrip("."))))


def choose(path: Path, sets: Sequence[WeightSet], own: Shapes) -> Chosen:
    """Find the set and the prefix under which most names of the architecture's `own` are.

    Averaged weights come before others. A head that lies beside the prefix, under the very names,
    is taken too.

    Raises:
        LoadError: Two sets fit, and neither is the averaged one of the other.
    """
    chosen = _best(path, sets, list(own))
    missing = {name for name in own if name not in chosen.weights}
    if not missing or not missing <= set(head_names(own)) or not missing <= set(chosen.foreign):
        return chosen
    top = next(some.weights for some in sets if some.where == chosen.where)
    return replace(
        chosen,
        weights={**chosen.weights, **{name: top[name] for name in missing}},
        foreign=tuple(key for key in chosen.foreign if key not in missing),
        beside=tuple(sorted(missing)),
    )


def _best(path: Path, sets: Sequence[WeightSet], names: Sequence[str]) -> Chosen:
    found = [candidate for some in sets for candidate in _candidates(some, names)]
    best = max(len(candidate.weights) for candidate in found)
    equal = [candidate for candidate in found if len(candidate.weights) == best]
    if best == 0:
        return equal[0]
    equal = [some for some in equal if not some.missing_prefix] or equal
    averaged = [some for some in equal if AVERAGED.search(some.place)]
    first, *others = averaged or equal
    differing = [some for some in others if not _same(first.weights, some.weights)]
    if differing:
        places = ", ".join(some.place or "the top" for some in (first, *differing))
        raise LoadError(
            f"{path} holds several sets of weights that fit: {places}; save the one that you mean "
            "in a file of its own: torch.save(STATE_DICT, FILE)."
        )
    left = tuple(some.place or "the top" for some in equal if some not in (first, *others))
    return replace(first, passed_over=left)


def _candidates(held: WeightSet, names: Sequence[str]) -> Iterator[Chosen]:
    """One for each prefix under which some of the names are; at least one."""
    for missing_prefix in _stems(names):
        wanted = {
            name.removeprefix(missing_prefix) for name in names if name.startswith(missing_prefix)
        }
        counts = _prefixes(held.weights, wanted) or Counter({"": 0})
        for prefix in counts:
            under = {
                key.removeprefix(prefix): tensor
                for key, tensor in held.weights.items()
                if key.startswith(prefix)
            }
            weights = {missing_prefix + name: under[name] for name in under if name in wanted}
            extra = {name: tensor for name, tensor in under.items() if name not in wanted}
            used = {prefix + name for name in under if name in wanted}
            foreign = tuple(key for key in held.weights if key not in used)
            yield Chosen(weights, extra, held.where, prefix, missing_prefix, foreign)


def _stems(names: Sequence[str]) -> list[str]:
    """What may be missing in the file: nothing, or a first name that most names share."""
    firsts = Counter(name.split(".")[0] for name in names if "." in name)
    common = [first for first, count in firsts.items() if 2 * count > len(names)]
    return ["", *(f"{first}." for first in common)]


def _prefixes(weights: Mapping[str, Tensor], wanted: set[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for key in weights:
        parts = key.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in wanted:
                counts["".join(f"{part}." for part in parts[:start])] += 1
    return counts


def _same(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return all(
        key in other and tensor.shape == other[key].shape and bool(tensor.equal(other[key]))
        for key, tensor in one.items()
    )


def unknown_parts(chosen: Chosen, names: Iterable[str]) -> list[str]:
    """Foreign names that may be part of the model, so that it must not be run without them.

    Under the model's own prefix that is whatever lies in one of its modules, or is called as
    models call their parts; beside it, nothing.
    """
    own = {name.removeprefix(chosen.missing_prefix).split(".")[0] for name in names}
    firsts = {name: name.split(".")[0] for name in chosen.extra}
    return [
        chosen.prefix + name
        for name, first in firsts.items()
        if name.split(".")[-1] not in COMPUTED
        and not HARMLESS.search(first)
        and (first in own or OF_A_MODEL.search(first))
    ]
