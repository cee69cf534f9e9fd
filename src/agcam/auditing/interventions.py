"""Reasons proved: erased where they occur, pasted where they do not, beside random patches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..maps import write_atomically
from ..records import Estimate
from ..tracing import evaluation_mode
from .findings import Findings
from .mark import EXAMPLES, MOST, with_suspicious
from .suspicion import EFFECT, effect
from .trial import SOURCES, Trial
from .values import Intervention, Outcome, Reason

EACH: Final = 7  # passes per picture: 2 where the reason is erased, twice, 3 where it is pasted
VERSION: Final = 9
WORTH: Final = 0.1  # a score from which a reason is tested


def passes(reasons: int, pictures: int) -> int:
    """What tests of so many reasons take at most, of so many pictures."""
    return reasons * EACH * min(MOST, pictures)


def prove(
    found: Findings, count: int, folder: Path, progress: Callable[[int, int], None]
) -> dict[tuple[int, int], tuple[Intervention, ...]]:
    """Test the most suspicious reasons; what was tested before is read from `folder`.

    Those that are nearly suspicious are tested too: what changes nothing is not to stand first.
    """
    worth = [one for one in found.ranked if found.score(one) >= WORTH and not found.is_fine(one)]
    chosen = worth[:count]
    done = {}
    for number, reason in enumerate(chosen):
        progress(number, len(chosen))
        path = folder / f"{_key(found, reason)}.json"
        done[reason.target, reason.number] = _stored(path) or _tested(found, reason, path)
    if chosen:
        progress(len(chosen), len(chosen))
    return done


def _tested(found: Findings, reason: Reason, path: Path) -> tuple[Intervention, ...]:
    with evaluation_mode(found.setup.classifier.module):
        trial = Trial(found, reason)
        erased, several = trial.erase(), len(trial.mark.same) > 1 and reason.gains is None
        made = [one for one in (erased, trial.paste()) if one is not None]
        if several and erased is not None and effect(erased) < EFFECT:
            made += [one for one in [trial.erase(together=True)] if one is not None]
    write_atomically(path, json.dumps([asdict(one) for one in made]).encode())
    return tuple(made)


def _key(found: Findings, reason: Reason) -> str:
    """What the numbers of a test depend on, beside the scan."""
    digest = hashlib.sha256(f"{VERSION} {MOST} {SOURCES} {EXAMPLES} {reason.target}".encode())
    for one in (reason, *with_suspicious(found, reason)):
        digest.update(np.ascontiguousarray(one.patches, dtype=np.int64).tobytes())
    exclusive = found.exclusive.get(reason.target)
    if exclusive is not None:
        digest.update(np.ascontiguousarray(exclusive.edges, dtype=np.int64).tobytes())
    digest.update(np.ascontiguousarray(found.pictures.number).tobytes())
    return digest.hexdigest()[:16]


def _stored(path: Path) -> tuple[Intervention, ...] | None:
    """A test that was made before; None if there is none that can be read."""
    try:
        return tuple(_intervention(one) for one in json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _intervention(stored: dict[str, Any]) -> Intervention:
    outcomes = {name: _outcome(stored[name]) for name in ("before", "after", "random")}
    return Intervention(**{**stored, **outcomes})


def _outcome(stored: dict[str, Any]) -> Outcome:
    called = {int(number): count for number, count in stored["called"].items()}
    return Outcome(Estimate(*stored["share"]), Estimate(*stored["probability"]), called)
