"""The walk back along a tape, by rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from ..errors import MethodError, ModelError
from ..values import precise
from .tape import Call, Step, Tape, without_autocast

Signals = Sequence[Tensor | None]
Rule = Callable[[Call, Signals], Signals]
"""What arrives at the outputs of a call -> what goes on to its inputs."""


@dataclass(frozen=True)
class Rules:
    """A way back as data: a rule for each operation, by torch's name of it.

    What `constants` compute counts as given: nothing goes back through them. An operation that
    has neither takes the rule for `others`; where there is none it is refused by name, never
    passed over. `stabilizer` keeps the rules' divisions from zero. `residual` is whether they
    distinguish residual sums from others, `relevance` whether they carry shares of the logit that
    add up, not gradients.
    """

    name: str
    rules: Mapping[str, Rule]
    constants: frozenset[str] = frozenset()
    others: Rule | None = None
    stabilizer: float = 0.0
    residual: bool = False
    relevance: bool = False

    def with_own(self, own: Mapping[str, Rule], stabilizer: float) -> Rules:
        """The same with rules of the caller's, which come first, and another stabilizer."""
        return replace(
            self,
            rules={**self.rules, **own},
            constants=self.constants.difference(own),
            stabilizer=stabilizer,
        )

    def of(self, operation: str) -> Rule:
        """The rule for an operation; ModelError where there is none."""
        rule = self.rules.get(operation, self.others)
        if rule is None:
            raise ModelError(
                f"this model computes {operation!r} (torch's own name), for which {self.name} has "
                "no rule; choose another method, or give a rule, such as the chain rule: options="
                f'{{"rules": {{"{operation}": agcam.tracing.rules.gradient}}}}.'
            )
        return rule


@dataclass(frozen=True)
class Walk:
    """What a walk found: signals at the `wanted` places, and what got lost on the way.

    Of an operation's output, `biases` is what its constant terms (of a linear layer, a norm, a
    sum, constants beside or in the place of numbers) add; `errors` is what else its inputs times
    what goes back to them fall short by, by torch's name of it.
    """

    signals: list[Tensor]
    biases: float
    errors: Mapping[str, float]


FILLED: Final = frozenset(["cat", "stack", "where", "masked_fill", "constant_pad_nd"])
"""Operations whose outputs may be constants in part; these take shares of relevance too."""
WITH_BIASES: Final = FILLED.union(
    [
        *("add", "sub", "addmm", "convolution"),
        *("native_layer_norm", "_fused_rms_norm", "native_group_norm", "native_batch_norm"),
        *("_native_batch_norm_legit_no_training", "cudnn_batch_norm"),
    ]
)


def walk(tape: Tape, rules: Rules, end: int, signal: Tensor, wanted: Sequence[int]) -> Walk:
    """Carry `signal` back from the place `end`; what has arrived at each of the `wanted` places."""
    live = _live(tape, rules)
    signals, errors, biases = {end: signal}, defaultdict[str, float](float), 0.0
    constants = FILLED if rules.relevance else WITH_BIASES
    with without_autocast(signal):
        for step in reversed(tape.steps):
            arrived = [signals.get(number) for number in step.outputs]
            inputs = [number for number in step.inputs if number in live]
            if all(one is None for one in arrived) or not inputs or step.name in rules.constants:
                continue
            call = tape.call(step, inputs, rules.stabilizer)
            back = _checked(step, call, rules.of(step.name)(call, arrived))
            gap = _carried(call.outputs, arrived, rules) - _carried(call.inputs, back, rules)
            if step.name in constants:
                biases += gap
            else:
                errors[step.name] += gap
            for number, one in zip(inputs, back, strict=True):
                if one is not None:
                    signals[number] = signals[number] + one if number in signals else one
            for number in {*step.outputs}.difference(wanted, step.inputs):
                signals.pop(number, None)
    found = [signals.get(n, torch.zeros_like(precise(tape.values[n]))) for n in wanted]
    return Walk(found, biases, errors)


def _live(tape: Tape, rules: Rules) -> set[int]:
    """Places from which something leads back to the tokens."""
    live = {0}
    for step in tape.steps:
        if step.name not in rules.constants and not live.isdisjoint(step.inputs):
            live.update(step.outputs)
    return live


def _checked(step: Step, call: Call, back: Signals) -> Signals:
    """What a rule gives back, which may be the caller's: a signal or None for each input."""
    fits = len(back) == len(call.inputs) and all(
        signal is None or signal.shape == value.shape
        for signal, value in zip(back, call.inputs, strict=True)
    )
    if not fits:
        raise MethodError(
            f"the rule for {step.name!r} must return a tensor like the input, or None, for each of "
            f"{len(call.inputs)} inputs."
        )
    return back


def _carried(values: Sequence[Tensor], signals: Signals, rules: Rules) -> float:
    """The logit that signals carry: their sum, or `<value, signal>` of gradients."""
    pairs = [
        (value, signal) for value, signal in zip(values, signals, strict=True) if signal is not None
    ]
    if rules.relevance:
        return sum((float(signal.sum()) for _, signal in pairs), 0.0)
    # a masked score is infinite, and nothing goes back to it
    products = (torch.where(signal == 0, 0.0, value * signal) for value, signal in pairs)
    return sum((float(product.sum()) for product in products), 0.0)
