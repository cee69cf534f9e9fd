"""How sure a map is of its own sign: its agreement with a map that has none, of the same pass.

A signed map may show the wrong half of a picture: where an object fills it, what is least typical
of the object is taken for background. AGCAM's map has no sign to be wrong about, and is made of the
same gradients. docs/where-spread-fails.md has what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ..explanation import Explanation

SIGNED: Final = "agcam_spread"
WITHOUT_SIGN: Final = "agcam"
UNSURE: Final = 0.5  # below it 6 of 15 tuning maps show the wrong half, above it 1 of 43


def with_doubts(made: Sequence[Explanation]) -> list[Explanation]:
    """The same explanations; where both maps are there, with a note for each that is unsure."""
    by_name = {one.method: one for one in made}
    if SIGNED not in by_name or WITHOUT_SIGN not in by_name:
        return list(made)
    signed = by_name[SIGNED]
    sure = agreement(signed.grid_map, by_name[WITHOUT_SIGN].grid_map)
    notes = [
        f"the {SIGNED} map of {answer.name} in {source} agrees little with the {WITHOUT_SIGN} map "
        f"(correlation {value:.2f}): it may show the wrong half of the picture"
        for source, answers, row in zip(signed.sources, signed.answers, sure.tolist(), strict=True)
        for answer, value in zip(answers, row, strict=True)
        if value < UNSURE
    ]
    return [
        replace(one, notes=(*one.notes, *notes)) if one in (made[0], signed) else one
        for one in made
    ]


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
