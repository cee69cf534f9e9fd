"""Where two maps of the same pass disagree, one of them may show the wrong half of the picture.

A signed map takes the least typical part of an object that fills the picture for background;
AGCAM's map has no sign to be wrong about, but shows what all classes share. The note names neither:
by boxes it is more often AGCAM's, by removing patches the signed one. docs/where-spread-fails.md
has what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..explanation import Explanation

SIGNED: Final = "agcam_spread"
WITHOUT_SIGN: Final = "agcam"
AGREE_LITTLE: Final = "agree little"
UNSURE: Final = 0.5  # below it one is wrong in 8 of 15 tuning pictures, above it in 4 of 24


def with_doubts(made: Sequence[Explanation]) -> list[Explanation]:
    """The same explanations; where both maps are there, with a note for each unlike pair."""
    by_name = {one.method: one for one in made}
    if SIGNED not in by_name or WITHOUT_SIGN not in by_name:
        return list(made)
    signed = by_name[SIGNED]
    sure = agreement(signed.grid_map, by_name[WITHOUT_SIGN].grid_map)
    notes = [
        tuple(
            f"the {SIGNED} and {WITHOUT_SIGN} maps of {answer.name} in {source} {AGREE_LITTLE} "
            f"(correlation {value:.2f}): one of them may show the wrong half of the picture; "
            "look at agcam_evidence"
            for answer, value in zip(answers, row, strict=True)
            if value < UNSURE
        )
        for source, answers, row in zip(signed.sources, signed.answers, sure.tolist(), strict=True)
    ]
    return [_noted(one, notes) if one in (made[0], signed) else one for one in made]


def _noted(made: Explanation, notes: Sequence[tuple[str, ...]]) -> Explanation:
    """The same with further notes of each picture."""
    own = tuple((*some, *more) for some, more in zip(made.own_notes, notes, strict=True))
    return replace(made, notes=(*made.notes, *chain.from_iterable(notes)), own_notes=own)


def agreement(
    first: Float[Tensor, "batch target *grid"],
    second: Float[Tensor, "batch target *grid"],
) -> Float[Tensor, "batch target"]:
    """Pearson's correlation of two maps over their patches; NaN where one is constant."""
    both = []
    for maps in (first, second):
        flat = rearrange(maps.double(), "batch target ... -> batch target (...)")
        centred = flat - flat.mean(-1, keepdim=True)
        both.append(centred / centred.square().sum(-1, keepdim=True).sqrt())
    return (both[0] * both[1]).sum(-1)
