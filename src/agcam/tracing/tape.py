"""A tape of all that a model computes from its tokens, and the walk back along it.

Autograd's own graph forgets what it does not need (the terms of a sum, the inputs of a frozen
linear layer); rules of relevance need them. So the operations themselves are written down, below
autograd, where every library's layers have become the same few dozen of torch's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..errors import ModelError
from .hooks import map_tensors

Signals = Sequence[Tensor | None]


@dataclass(frozen=True)
class _Place:
    """Stands for a tensor of the tape among the arguments of a step."""

    number: int


@dataclass(frozen=True)
class _Step:
    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def name(self) -> str:
        return str(self.op.overloadpacket.__name__).removesuffix("_")


@dataclass(frozen=True)
class Call:
    """One operation as a rule sees it: `inputs` are those that lead back to the tokens.

    `run` computes the outputs again from other inputs; `operands` are all positional arguments.
    Everything is at least float32.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operands: tuple[Any, ...]
    run: Callable[[Sequence[Tensor]], tuple[Tensor, ...]]


Rule = Callable[[Call, Signals], Signals]
"""What arrives at the outputs of a call -> what goes on to its inputs."""


@dataclass(frozen=True)
class Rules:
    """A way back as data: a rule for each operation, by torch's name of it.

    What `constants` compute counts as given: nothing goes back through them. An operation that
    has neither takes the rule for `others`; where there is none it is refused by name, never
    passed over.
    """

    name: str
    rules: Mapping[str, Rule]
    constants: frozenset[str] = frozenset()
    others: Rule | None = None


@dataclass(frozen=True)
class Walk:
    """What a walk found: signals at the `wanted` places, and what got lost on the way.

    Of an operation's output, `biases` is what its constant terms (of a linear layer, a norm, a
    sum) add; `error` is what else its inputs times what goes back to them fall short by.
    """

    signals: list[Tensor]
    biases: float
    error: float


HAVE_BIASES = frozenset(["add", "sub", "addmm", "native_layer_norm", "_fused_rms_norm"])


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While open, writes down every operation on a tensor that depends on the `entry`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values: list[Tensor] = []
        self._steps: list[_Step] = []
        self._numbers: dict[int, int] = {}  # by id: `values` keeps the tensors alive
        self._shared: Counter[int] = Counter()  # how many tensors of the tape share a memory

    def enter(self, tensor: Tensor) -> None:
        """Let the tape begin at this tensor."""
        self._add(tensor)

    def number(self, tensor: Tensor) -> int | None:
        """The place of a tensor on the tape, None if it does not depend on the entry."""
        return self._numbers.get(id(tensor))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Compute as torch would, and write it down."""
        del types
        kwargs, inputs = kwargs or {}, list[int]()

        def place(tensor: Tensor) -> Any:
            number = self.number(tensor)
            if number is None:
                return tensor
            inputs.append(number)
            return _Place(number)

        kept_args, kept_kwargs = map_tensors(tuple(args), place), map_tensors(kwargs, place)
        if inputs and func._schema.is_mutable:
            self._keep_what_is_overwritten(func, args)
        result = func(*args, **kwargs)
        if inputs:
            outputs = tuple(self._add(tensor) for tensor in _flat(result))
            self._steps.append(_Step(func, kept_args, kept_kwargs, tuple(inputs), outputs))
        return result

    def _add(self, tensor: Tensor) -> int:
        number = self._numbers[id(tensor)] = len(self.values)
        self.values.append(tensor)
        self._shared[tensor.untyped_storage().data_ptr()] += 1
        return number

    def _keep_what_is_overwritten(self, func: Any, args: Any) -> None:
        written = args[0]
        number = self.number(written) if isinstance(written, Tensor) else None
        if number is None or self._shared[written.untyped_storage().data_ptr()] > 1:
            raise ModelError(
                f"this model writes into part of a tensor in place ({func.overloadpacket}), which "
                "rules of relevance cannot follow; choose another method."
            )
        self.values[number] = written.clone()

    def walk(self, rules: Rules, end: Tensor, signal: Tensor, wanted: Sequence[int]) -> Walk:
        """Carry `signal` back from `end`; what has arrived at each of the `wanted` places."""
        live = self._live(rules)
        signals: dict[int, Tensor] = {self._numbers[id(end)]: signal}
        lost = {True: 0.0, False: 0.0}
        for step in reversed(self._steps):
            arrived = [signals.get(number) for number in step.outputs]
            inputs = [number for number in step.inputs if number in live]
            if all(one is None for one in arrived) or not inputs or step.name in rules.constants:
                continue
            rule = rules.rules.get(step.name, rules.others)
            if rule is None:
                raise ModelError(
                    f"this model computes {step.name!r} (torch's own name), for which "
                    f"{rules.name} has no rule; choose another method."
                )
            call = self._call(step, inputs)
            back = rule(call, arrived)
            lost[step.name in HAVE_BIASES] += _along(call.outputs, arrived) - _along(
                call.inputs, back
            )
            for number, one in zip(inputs, back, strict=True):
                if one is not None:
                    signals[number] = signals[number] + one if number in signals else one
            for number in {*step.outputs}.difference(wanted, step.inputs):
                signals.pop(number, None)
        found = [signals.get(n, torch.zeros_like(precise(self.values[n]))) for n in wanted]
        return Walk(found, lost[True], lost[False])

    def meeting(self, stream: int, others: Sequence[int]) -> tuple[int, int]:
        """The first sum of a token stream with what comes of `others`: its place and that term's.

        Raises ModelError where there is none.
        """
        come = {*others}
        for step in self._steps:
            if come.isdisjoint(step.inputs):
                continue
            if step.name == "add" and stream in step.inputs:
                return step.outputs[0], next(n for n in step.inputs if n != stream)
            come.update(step.outputs)
        raise ModelError(
            "no sum was found in which a block adds what its attention gives to the tokens that "
            "entered it, which this method needs; choose another method."
        )

    def again(self, given: Mapping[int, Tensor], wanted: int) -> Tensor:
        """The tensor at a place, computed again from other tensors at the `given` places."""
        values = dict(given)
        for step in self._steps:
            if wanted in values:
                break
            if not values.keys().isdisjoint(step.inputs) and given.keys().isdisjoint(step.outputs):
                call = self._call(step, step.inputs)
                pairs = zip(step.inputs, call.inputs, strict=True)
                outputs = call.run([values.get(number, own) for number, own in pairs])
                values.update(zip(step.outputs, outputs, strict=True))
        return values[wanted]

    def _live(self, rules: Rules) -> set[int]:
        live = {0}
        for step in self._steps:
            if step.name not in rules.constants and not live.isdisjoint(step.inputs):
                live.update(step.outputs)
        return live

    def _call(self, step: _Step, inputs: Sequence[int]) -> Call:
        def run(given: Sequence[Tensor]) -> tuple[Tensor, ...]:
            rest = iter(given)
            values = iter([next(rest) if n in inputs else self.values[n] for n in step.inputs])
            overwrites = step.op._schema.is_mutable

            def fill(value: Any) -> Any:
                value = precise(next(values) if isinstance(value, _Place) else value)
                return value.clone() if overwrites else value

            args, kwargs = _map(step.args, fill), _map(step.kwargs, fill)
            return tuple(precise(tensor) for tensor in _flat(step.op(*args, **kwargs)))

        values = {n: precise(self.values[n]) for n in {*step.inputs, *step.outputs}}
        return Call(
            step.name,
            tuple(values[n] for n in inputs),
            tuple(values[n] for n in step.outputs),
            _map(step.args, lambda v: values[v.number] if isinstance(v, _Place) else precise(v)),
            run,
        )


def precise(tensor: Tensor) -> Tensor:
    """The same in at least float32, where it is of floating point."""
    if not tensor.is_floating_point():
        return tensor
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _along(values: Sequence[Tensor], signals: Signals) -> float:
    """`<value, signal>` of those that have a signal."""
    pairs = zip(values, signals, strict=True)
    return sum(float((value * signal).sum()) for value, signal in pairs if signal is not None)


def _flat(result: Any) -> list[Tensor]:
    items = result if isinstance(result, tuple | list) else (result,)
    return [item for item in items if isinstance(item, Tensor)]


def _map(value: Any, change: Callable[[Any], Any]) -> Any:
    """Apply `change` to every tensor and place in nested tuples, lists and dicts."""
    if isinstance(value, Tensor | _Place):
        return change(value)
    if type(value) in (tuple, list):
        return type(value)(_map(item, change) for item in value)
    if type(value) is dict:
        return {key: _map(item, change) for key, item in value.items()}
    return value
