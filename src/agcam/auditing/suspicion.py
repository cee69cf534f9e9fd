"""How suspicious a reason is, from 0 to 1, and why, in one sentence."""

from __future__ import annotations

import colorsys
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .exclusive import Exclusive
from .reasons import LEAST
from .recurrence import recurrence
from .seen import Compared, Features, Seen, copies, evenly
from .tone import SLIGHT
from .values import CAST, TOGETHER, Intervention, Reason, Suspicion

# Of logistic functions, by the tuning seeds of benchmarks/audit.py.
ABOVE: Final = 0.13  # a strength so far above that of the median other class has 0.5,
LOWEST: Final = 0.56  # but at least this
WIDTH: Final = 0.04
EXCLUSIVE: Final = 0.05  # so far above other classes is what a class alone shows, and
FINER: Final = 0.8  # its differences count as those of strengths, divided by this
SHARED: Final = 10.0  # times what it has less of it than other classes lowers the strength:
# parts that recur, and are not missing elsewhere, are strokes of digits that look the same
SMALL: Final = 0.08  # part of a picture: what a class alone shows on more of it is no mark,
LARGE: Final = 2.0  # and lowers the strength by so much, times what is above
TONE: Final = (0.38, 0.05)  # middle and width, of how many more pictures have it than of others
TINTS: Final = ("red", "yellow", "green", "cyan", "blue", "magenta")  # by hue

EXAMPLES: Final = 64  # pictures of a reason that are compared
OTHERS: Final = 32  # pictures of each other class
CLASSES: Final = 30  # other classes
EFFECT: Final = 0.02  # of predictions: an intervention that changes fewer clears a reason,
CLEARED: Final = 0.45  # of whose score so much is left: 32 pictures may miss one in ten


def suspicions(
    reasons: Mapping[int, Sequence[Reason]], seen: Seen, exclusive: Mapping[int, Exclusive]
) -> dict[tuple[int, int], Suspicion]:
    """For each reason, by its class and number, how suspicious it is.

    Parts of a planted mark look the same whatever else is in the picture; parts of objects differ.
    `strength` is how much of what speaks for the class recurs (`Recurrence.shared`); a reason is
    suspicious where that is large, and larger than in other classes; or where it is what the class
    alone shows in several pictures (`exclusive`), more than other classes show such; less where
    that takes much of the picture, as objects do. `alike` and `elsewhere` state it: the mean
    greatest cosine between a reason's best patch and those of another picture of the class, and of
    other classes (median class). A tone is as suspicious as it is commoner than in other classes.
    """
    classes = np.array(sorted(seen.rows), dtype=np.intp)
    some = classes[evenly(len(classes), CLASSES + 1)].tolist()
    others = seen.compared(some, OTHERS)
    every = [reason for own in reasons.values() for reason in own]
    recurring = {target: recurrence(target, seen) for target in reasons}
    strength = {target: recurring[target].shared(own) for target, own in reasons.items()}
    parts = {
        (one.target, one.number): _parts(one, seen, others)
        | {"strength": strength[one.target][one.number]}
        for one in every
        if one.gains is None
    }
    strongest = {target: max(some.values(), default=0.0) for target, some in strength.items()}
    return {
        (one.target, one.number): (
            _weighed(parts[one.target, one.number], one.target, strongest, exclusive)
            if one.gains is None
            else _of_tone(one)
        )
        for one in every
    }


def _weighed(
    parts: Mapping[str, float],
    target: int,
    strongest: Mapping[int, float],
    exclusive: Mapping[int, Exclusive],
) -> Suspicion:
    """What stands out from the other classes' reasons is more suspicious, unless it is large."""
    rest = [value for other, value in strongest.items() if other != target]
    if not rest:
        return Suspicion(0.0, "There is no other class to compare it with.", parts)
    above = parts["strength"] - max(float(np.median(rest)) + ABOVE, LOWEST)
    if target in exclusive:
        more = exclusive[target].value - exclusive[target].usual
        above -= SHARED * max(0.0, -more)
        if "exclusive" in parts:
            above = max(above, (more - EXCLUSIVE) / FINER)
        above -= LARGE * max(0.0, exclusive[target].spread - SMALL)
    return Suspicion(_logistic(above, 0.0, WIDTH), _sentence(parts), parts)


def _parts(reason: Reason, seen: Seen, others: Compared) -> dict[str, float]:
    picture = seen.patches.picture[reason.patches]
    first = np.sort(np.unique(picture, return_index=True)[1])[:EXAMPLES]
    features = seen.directions(reason.patches[first])
    rows = reason.patches[np.argsort(picture, kind="stable")] if reason.exclusive else None
    own = seen.of_pictures(reason.target, picture[first], rows).best(features)
    alike = _alike(own, copies(seen.pictures, picture[first]))
    other = others.target != reason.target
    best = others.best(features)
    means = [float(best[:, others.target == one].mean()) for one in np.unique(others.target[other])]
    usual = float(np.median(means)) if means else 0.0
    return {
        "alike": alike,
        "elsewhere": usual,
        "share": reason.share,
        "occurrence": reason.occurrence,
        "one place": _one_place(reason, len(first)),
        **({"exclusive": reason.exclusive} if reason.exclusive else {}),
    }


def tested(suspicion: Suspicion, tests: Sequence[Intervention]) -> Suspicion:
    """The same after interventions: what changes no prediction is no shortcut, whatever its looks.

    `effect` is the most that erasing or pasting changes, of predictions or of the probability,
    more than random patches do; below EFFECT the score falls in proportion, of patches to CLEARED
    of it: what was erased or pasted may be a part of the mark, and a cast is all of it.
    """
    if not tests:
        return suspicion
    most = max(0.0, *(effect(one) for one in tests if one.kind != TOGETHER))
    parts = {**suspicion.parts, "effect": most}
    if most >= EFFECT:
        return replace(suspicion, parts=parts)
    sentence = f"{suspicion.sentence} Erased or pasted, it changes {_share(most)} of predictions."
    left = max(0.0 if tests[0].fill == CAST else CLEARED, most / EFFECT)
    return Suspicion(suspicion.score * left, sentence, parts)


def effect(test: Intervention) -> float:
    """How much more a test changes than as many random patches."""
    sign = 1 if test.kind == "paste" else -1
    return max(
        sign * (after.mean - (max if sign > 0 else min)(before.mean, random.mean))
        for before, after, random in (
            (test.before.share, test.after.share, test.random.share),
            (test.before.probability, test.after.probability, test.random.probability),
        )
        if not math.isnan(after.mean)
    )


def _of_tone(reason: Reason) -> Suspicion:
    """How suspicious a tone is."""
    usual, gains = float(np.mean(list(reason.elsewhere.values()))), reason.gains or (1, 1, 1)
    changed = [
        f"{colour} {_share(abs(gain - 1))} {'stronger' if gain > 1 else 'weaker'}"
        for colour, gain in zip(("red", "green", "blue"), gains, strict=True)
        if abs(gain - 1) >= SLIGHT
    ]
    sentence = (
        f"{_share(reason.occurrence)} of its pictures have a {_tint(gains)} tint, in bright and "
        f"dark parts alike ({', '.join(changed)} than in other classes, relative to green); so "
        f"have {_share(usual)} of the pictures of other classes."
    )
    more = reason.occurrence - usual
    parts = {"occurrence": reason.occurrence, "elsewhere": usual, "strength": more}
    return Suspicion(_logistic(more, *TONE), sentence, parts)


def _tint(gains: tuple[float, float, float]) -> str:
    """The nearest of six colours."""
    hue, _, _ = colorsys.rgb_to_hsv(*(gain / max(gains) for gain in gains))
    return TINTS[round(len(TINTS) * hue) % len(TINTS)]


def _logistic(value: float, middle: float, width: float) -> float:
    return 1 / (1 + math.exp(min((middle - value) / width, 700)))


def _alike(best: Features, copies: NDArray[np.bool_]) -> float:
    """Mean greatest cosine with another picture of the reason; 0 where two look alike by chance.

    Copies of one picture are alike in all they show, and say nothing.
    """
    if (~copies).sum(1).min() + 1 < LEAST:
        return 0.0
    return float(best[~copies].mean())


def _one_place(reason: Reason, count: int) -> float:
    """1 where all relevance is at one place, 0 where it is spread as widely as it could be."""
    places = reason.places[reason.places > 0].astype(np.float64)
    most = math.log(max(2, min(reason.places.size, len(reason.patches), max(count, 2))))
    return float(max(0.0, 1 + (places * np.log(places)).sum() / most))


def _sentence(parts: Mapping[str, float]) -> str:
    where = ", nearly always at the same place" if parts["one place"] > 0.5 else ""
    if parts.get("exclusive"):
        return (
            f"{_share(parts['occurrence'])} of its pictures share a part{where}, which most other "
            f"classes lack (similarity from picture to picture {_share(parts['alike'])}, to other "
            f"classes {_share(max(parts['elsewhere'], 0))}). It has {_share(parts['share'])} of "
            "the class's relevance."
        )
    return (
        f"{_share(parts['share'])} of the class's relevance, in {_share(parts['occurrence'])} of "
        f"its pictures{where}, is on patches that look alike (similarity {_share(parts['alike'])}; "
        f"to the nearest patches of other classes {_share(max(parts['elsewhere'], 0))})."
    )


def _share(part: float) -> str:
    return f"{100 * part:.0f} %"
