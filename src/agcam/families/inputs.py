"""What `forward` takes beside the picture: asked for in words, cut to pictures, passed along."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..values import Classifier
from .common import any_size, is_hugging_face
from .outputs import NoClassifier, Predict, leaves
from .wrappers import peeled


def calling(module: nn.Module, name: str) -> Callable[..., Any]:
    """Run a module as it is on pixels and further inputs, by position or name.

    ModelError, before anything runs, where `forward` needs inputs that are not given.
    """
    inner = peeled(module)
    takes = _signature(inner)
    options: dict[str, Any] = any_size(inner.forward) if is_hugging_face(inner) else {}
    by_name = "pixel_values" in takes.parameters

    def output(pixels: Tensor, *args: Any, **kwargs: Any) -> Any:
        given = {**options, **kwargs}
        picture = _picture_of(takes, given) if given or by_name else ""
        if picture:
            given[picture] = pixels
            free = [key for key in _by_position(takes) if key not in given]
            given.update(zip(free, args, strict=False))
            args = args[len(free) :]  # those for which there is no place are told of below
        else:
            args = (pixels, *args)
        _check(takes, args, given, name)
        return module(*args, **given)

    return output


def _picture_of(takes: inspect.Signature, given: Mapping[str, Any]) -> str:
    """The parameter that takes the picture, where it must be named: the first that is free."""
    if "pixel_values" in takes.parameters:
        return "pixel_values"
    first, *others = [*_by_position(takes), ""]
    return next((key for key in others if key not in given), "") if first in given else ""


def _by_position(takes: inspect.Signature) -> list[str]:
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return [key for key, parameter in takes.parameters.items() if parameter.kind in kinds]


def _signature(module: nn.Module) -> inspect.Signature:
    """What `forward` takes; anything, where Python cannot tell (TorchScript)."""
    try:
        return inspect.signature(module.forward)
    except (TypeError, ValueError):
        return inspect.signature(lambda *args, **kwargs: (args, kwargs))


def _given(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Every number that the model gives for each picture, (batch, numbers)."""
    assert classifier.output is not None, "as in `of`"
    rows = [leaf.tensor for leaf in leaves(classifier.output(pixels))]
    if len(pixels) == 1:
        rows = [row if row.ndim else row[None] for row in rows]
    rows = [row.flatten(1) if row.ndim > 1 else row[:, None] for row in rows if row.ndim]
    return torch.cat([row.to(pixels.dtype) for row in rows if len(row) == len(pixels)], dim=1)


def with_output(classifier: Classifier, output: Callable[..., Any]) -> Classifier:
    """The same classifier, run by another call; where its logits are stays as it is."""
    predict = classifier.predict
    if isinstance(predict, Predict):
        predict = replace(predict, output=output)
    return replace(classifier, output=output, predict=predict)


def _check(takes: inspect.Signature, args: Any, kwargs: Mapping[str, Any], name: str) -> None:
    try:
        takes.bind(*args, **kwargs)
    except TypeError as error:
        lacking = [
            key
            for position, (key, parameter) in enumerate(takes.parameters.items())
            if parameter.default is parameter.empty
            and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
            and position >= len(args)
            and key not in kwargs
        ]
        known = ", ".join(takes.parameters)
        if not lacking:
            raise ModelError(
                f"{name}: its forward takes ({known}), and does not fit the inputs that were "
                f"given ({error})."
            ) from None
        more = ", ".join(f'"{key}": ...' for key in lacking)
        raise ModelError(
            f"{name}: its forward takes ({known}) and cannot run without {', '.join(lacking)}; "
            f"give what it needs beside the picture: inputs={{{more}}}."
        ) from None


@dataclass(frozen=True)
class Inputs:
    """Further inputs of a model for some pictures, by position and by name.

    Tensors with as many rows as there are pictures belong to the pictures, row by row; all else is
    for the whole model. The model is then run on one picture at a time, or on changed copies of
    one: the row is repeated for each copy, so that any method asks about the right row.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    pictures: int

    @classmethod
    def of(cls, classifier: Classifier, given: Any, pictures: int) -> Inputs | None:
        """Read `inputs=`: a dict by name, a tuple by position, or one tensor; None: there are none.

        Raises ModelError for models that take nothing beside the picture.
        """
        if given is None or (isinstance(given, tuple | list | Mapping) and not given):
            return None
        if not isinstance(classifier.predict, Predict | NoClassifier):
            raise ModelError(
                f"{classifier.name} is not run by agcam's own call, so inputs= cannot reach its "
                "forward; bind them in a module of your own around it."
            )
        if isinstance(given, Mapping):
            return cls((), dict(given), pictures)
        return cls(tuple(given) if isinstance(given, tuple | list) else (given,), {}, pictures)

    def bind(self, classifier: Classifier, picture: int) -> Classifier:
        """The classifier of one picture and its changed copies."""
        return self._bound(classifier, slice(picture, picture + 1))

    def prove(self, classifier: Classifier, pixels: Tensor) -> None:
        """ModelError unless pictures one by one get the numbers that they get side by side."""
        if len(pixels) < 2:
            return
        together = self._bound(classifier, slice(0, len(pixels)))
        with torch.no_grad():
            alone = torch.cat(
                [_given(self.bind(classifier, i), pixels[i : i + 1]) for i in range(len(pixels))]
            )
            try:
                beside = _given(together, pixels)
            except (RuntimeError, IndexError, ValueError) as error:
                raise ModelError(self._mixed(classifier, str(error).splitlines()[0])) from error
        scale = alone.abs().amax().clamp(min=1e-6)
        if alone.shape != beside.shape or not float((alone - beside).abs().amax() / scale) < 1e-2:
            raise ModelError(self._mixed(classifier, "the numbers differ"))

    def note(self) -> str:
        """Which inputs were cut to pictures, and which were given whole."""
        cut = self.cut()
        every = [str(name) for name, _ in self._every()]
        whole = [name for name in every if name not in cut]
        parts = [(cut, "row by row with the pictures"), (whole, "whole")]
        return "inputs: " + "; ".join(f"{', '.join(some)} {how}" for some, how in parts if some)

    def _every(self) -> list[tuple[int | str, Any]]:
        return [*enumerate(self.args, 1), *self.kwargs.items()]

    def _mixed(self, classifier: Classifier, why: str) -> str:
        cut = ", ".join(self.cut()) or "no input"
        return (
            f"{classifier.name} gives for pictures one at a time what it does not give for them "
            f"side by side ({why}); {cut} was cut to pictures, as it has a row for each. Explain "
            "the pictures one by one, each with its own inputs."
        )

    def cut(self) -> list[str]:
        """Names (or positions) of the inputs that are cut to pictures."""
        return [str(name) for name, value in self._every() if self._is_cut(value)]

    def _is_cut(self, value: Any) -> bool:
        if isinstance(value, dict):
            return any(self._is_cut(part) for part in value.values())
        if type(value) in {tuple, list}:
            return any(self._is_cut(part) for part in value)
        return isinstance(value, Tensor) and value.ndim > 0 and len(value) == self.pictures

    def _bound(self, classifier: Classifier, some: slice) -> Classifier:
        whole = classifier.output
        assert whole is not None, "a classifier that is run by agcam's own call has an output"

        def output(pixels: Tensor) -> Any:
            args = [self._for(value, some, pixels) for value in self.args]
            kwargs = {key: self._for(value, some, pixels) for key, value in self.kwargs.items()}
            return whole(pixels, *args, **kwargs)

        return with_output(classifier, output)

    def _for(self, value: Any, some: slice, pixels: Tensor) -> Any:
        if isinstance(value, dict):
            return {key: self._for(part, some, pixels) for key, part in value.items()}
        if type(value) in {tuple, list}:
            return type(value)(self._for(part, some, pixels) for part in value)
        if not isinstance(value, Tensor):
            return value
        value = value.detach().to(pixels.device)
        if value.is_floating_point():
            value = value.to(pixels.dtype)
        if not self._is_cut(value):
            return value
        rows = value[some]
        return rows if len(rows) == len(pixels) else rows.repeat_interleave(len(pixels), 0)
