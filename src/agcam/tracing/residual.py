"""ResLRP: a rule for the sums in which a block adds to the token stream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import torch

from ..values.needs import Tape as TapeNeeds
from .rules import ATTN_LRP, COPIES, NORMS, RULES, gradient, only
from .tape import Call, Step
from .walk import Rule, Rules, Signals

_COPIED: Final = frozenset(f"{COPIES} {NORMS}".split()) - {"cat", "stack"}
_STREAM: Final = frozenset(f"{COPIES} {NORMS} add".split())
_LAYERS: Final = frozenset(["mm", "addmm", "bmm", "convolution"])


def rules_of(needs: TapeNeeds) -> Rules:
    """The rules that a method needs, with its own parameters and those of the caller."""
    rules = _res_lrp(needs.gamma) if needs.rules == "res_lrp" else RULES[needs.rules]
    return rules.with_own(dict(needs.own), needs.stabilizer)


def _res_lrp(gamma: float) -> Rules:
    added = {"add": residual(gamma)}
    return replace(ATTN_LRP, name="res_lrp", rules={**ATTN_LRP.rules, **added}, residual=True)


def residual(gamma: float) -> Rule:
    """`R_a = w(a) a / (w(a) a + w(b) b) R_y`, `w(z) = 1 + gamma [z y > 0]`, for `y = a + b`.

    Signals are gradients, R / value; what divides is never smaller than y. Where terms cancel to
    y = 0 there is no relevance to pass on. Other sums pass it by the chain rule.
    """

    def rule(call: Call, signals: Signals) -> Signals:
        if not call.residual:
            return gradient(call, signals)
        terms = [_term(call, index) for index in (0, 1)]
        whole = terms[0] + terms[1]
        weights = [1 + gamma * (term * whole > 0) for term in terms]
        divisor = weights[0] * terms[0] + weights[1] * terms[1]
        held = torch.where(whole == 0, 0.0, whole / torch.where(divisor == 0, 1.0, divisor))
        backs = [gradient(call, [only(signals) * held * weight]) for weight in weights]
        return [backs[0][0], backs[1][1]]

    return rule


def _term(call: Call, index: int) -> torch.Tensor:
    """What one of the two terms adds to the sum, in the sum's shape."""
    given = [torch.zeros_like(value) for value in call.inputs]
    given[index] = call.inputs[index]
    return call.run(given)[0]


def sums_with_what_comes_of_a_term(steps: Sequence[Step]) -> frozenset[int]:
    """The places of sums of something (copied or normed) with what layers make of it."""
    made = {output: step for step in steps for output in step.outputs}
    found = set[int]()
    for step in steps:
        terms = step.inputs
        if step.name == "add" and len(terms) == 2:
            pairs = (terms, terms[::-1])
            if any(_layers_lead(made, _copied_from(made, one), other) for one, other in pairs):
                found.update(step.outputs)
    return frozenset(found)


def _copied_from(made: Mapping[int, Step], place: int) -> set[int]:
    """The place, and those of which it is a copy or a norm."""
    found = {place}
    while (step := made.get(place)) is not None and step.name in _COPIED:
        place = step.inputs[0]
        found.add(place)
    return found


def _layers_lead(made: Mapping[int, Step], sources: set[int], place: int) -> bool:
    """Whether something is made of one of the sources, by a product with weights or of tokens."""
    first, known, waiting = min(sources), set[tuple[int, bool]](), [(place, False)]
    while waiting:
        place, layered = waiting.pop()
        if layered and place in sources:
            return True
        step = made.get(place)
        if step is None or place < first or (place, layered) in known:
            continue
        known.add((place, layered))
        waiting += [(before, layered or step.name in _LAYERS) for before in step.inputs]
    return False


def residual_sums(steps: Iterable[Step], stream: Iterable[int]) -> frozenset[int]:
    """The places of sums of the token stream (itself, copied or normed) with what comes of it."""
    known, sums = {*stream}, set[int]()
    for step in steps:
        if step.name in _STREAM and not known.isdisjoint(step.inputs):
            known.update(step.outputs)
            if step.name == "add" and len(step.inputs) > 1:
                sums.update(step.outputs)
    return frozenset(sums)
