"""What a reader made of reasons, read back from the file that the page exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import RunError
from .values import Reason

CHOICES: Final = ("", "fine", "background", "artefact", "label")
SHARED: Final = 0.25  # of a verdict's examples, which a reason must have to be the same


@dataclass(frozen=True)
class Verdict:
    """What a reader made of one reason: one of CHOICES, a note, and pictures that show it."""

    name: str
    verdict: str
    note: str = ""
    examples: tuple[str, ...] = ()


def read_verdicts(path: str | Path) -> tuple[Verdict, ...]:
    """The verdicts of a file. Raises RunError for a file that holds none."""
    try:
        stored = json.loads(Path(path).read_bytes())["verdicts"]
        found = tuple(
            Verdict(
                str(one["class"]),
                str(one["verdict"]),
                str(one.get("note", "")),
                tuple(map(str, one["examples"])),
            )
            for one in stored
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} holds no verdicts of an audit ({type(error).__name__}: {error}); export them "
            "from the page"
        ) from error
    wrong = [one.verdict for one in found if one.verdict not in CHOICES]
    if wrong:
        known = ", ".join(CHOICES[1:])
        raise RunError(f"{path}: a verdict is {known}, or empty: not {wrong[0]!r}")
    return found


def matched(
    verdicts: tuple[Verdict, ...],
    examples: Mapping[Reason, tuple[str, ...]],
    names: Mapping[int, str],
) -> dict[tuple[int, int], Verdict]:
    """For each reason its verdict: of the same class, by the pictures that both show.

    Numbers of reasons change with data and model; pictures stay. A reason without a verdict has no
    entry.
    """
    found: dict[tuple[int, int], tuple[float, Verdict]] = {}
    for verdict in verdicts:
        shown = set(verdict.examples)
        shares = {
            reason: len(shown & set(names_of)) / max(len(shown), 1)
            for reason, names_of in examples.items()
            if names[reason.target] == verdict.name
        }
        best = max(shares, key=lambda reason: shares[reason], default=None)
        if best is None or shares[best] < SHARED:
            continue
        key = best.target, best.number
        if key not in found or found[key][0] < shares[best]:
            found[key] = shares[best], verdict
    return {key: verdict for key, (_, verdict) in found.items()}
