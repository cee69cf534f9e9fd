"""A tape of all that a model computes from its tokens.

Autograd's own graph forgets what it does not need (the terms of a sum, the inputs of a frozen
linear layer); rules of relevance need them. So the operations themselves are written down, below
autograd, where every library's layers have become the same few dozen of torch's own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..errors import ModelError
from ..values import precise
from .hooks import map_tensors

OF_A_SHAPE: Final = frozenset(
    [
        *("new_zeros", "new_ones", "new_full", "new_empty", "new_empty_strided"),
        *("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like"),
    ]
)
"""Operations whose results do not depend on the numbers that they are given."""


@dataclass(frozen=True)
class _Place:
    """Stands for a tensor of the tape among the arguments of a step."""

    number: int


@dataclass(frozen=True)
class Step:
    """One operation on the tape: its tensors of the tape by their places."""

    op: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def name(self) -> str:
        """Torch's own name of it, the same for writing in place."""
        return str(self.op.overloadpacket.__name__).removesuffix("_")


@dataclass(frozen=True)
class Call:
    """One operation as a rule sees it: `inputs` are those that lead back to the tokens.

    `run` computes the outputs from other inputs; `operands` are all positional arguments. `divide`
    keeps from zero by `stabilizer`. `residual` is whether it is a residual sum, if the tape knows
    its own. Everything is at least float32.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    operands: tuple[Any, ...]
    run: Callable[[Sequence[Tensor]], tuple[Tensor, ...]]
    stabilizer: float
    residual: bool

    def divide(self, a: Tensor, b: Tensor) -> Tensor:
        """`a / (b + stabilizer * sign(b))`, and 0 where b is 0."""
        away = b.ge(0) * self.stabilizer - b.lt(0) * self.stabilizer
        return torch.where(b == 0, torch.zeros_like(a), a / (b + away))


class Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While open, writes down every operation on a tensor that depends on the `entry`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.values: list[Tensor] = []
        self.steps: list[Step] = []
        self.residual: frozenset[int] = frozenset()  # residual sums, where rules need them
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
        if inputs and func.overloadpacket.__name__ not in OF_A_SHAPE:
            outputs = tuple(self._add(tensor) for tensor in _flat(result))
            self.steps.append(Step(func, kept_args, kept_kwargs, tuple(inputs), outputs))
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

    def first_sum(self, stream: int, others: Sequence[int]) -> tuple[int, int]:
        """The first sum of a token stream with what comes of `others`: its place and that term's.

        Raises ModelError where there is none.
        """
        come = {*others}
        for step in self.steps:
            if come.isdisjoint(step.inputs):
                continue
            if step.name == "add" and stream in step.inputs:
                return step.outputs[0], next(n for n in step.inputs if n != stream)
            come.update(step.outputs)
        raise ModelError(
            "no sum was found in which a block adds what its attention gives to the tokens that "
            "entered it, which this method needs; choose another method."
        )

    def recompute(self, given: Mapping[int, Tensor], wanted: int) -> Tensor:
        """The tensor at a place, as it would be with other tensors at the `given` places."""
        values = dict(given)
        with without_autocast(self.values[wanted]):
            for step in self.steps:
                if wanted in values:
                    break
                follows = not values.keys().isdisjoint(step.inputs)
                if follows and given.keys().isdisjoint(step.outputs):
                    call = self.call(step, step.inputs)
                    pairs = zip(step.inputs, call.inputs, strict=True)
                    outputs = call.run([values.get(number, own) for number, own in pairs])
                    values.update(zip(step.outputs, outputs, strict=True))
        return values[wanted]

    def call(self, step: Step, inputs: Sequence[int], stabilizer: float = 0.0) -> Call:
        """A step with its tensors; `inputs` are the places among its inputs that count."""

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
            stabilizer,
            not self.residual.isdisjoint(step.outputs),
        )


def without_autocast(tensor: Tensor) -> AbstractContextManager[Any]:
    """The caller's autocast is off: casts are steps of the tape, and nothing else is cast."""
    return torch.autocast(tensor.device.type, enabled=False)


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
