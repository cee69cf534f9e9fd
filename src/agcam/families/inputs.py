"""What `forward` takes beside the picture (`inputs=`): cut to pictures, passed along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from ..errors import ModelError
from ..values import Classifier
from .classifier import with_output
from .outputs import NoClassifier, Predict, leaves


@dataclass(frozen=True)
class Inputs:
    """Further inputs of a model for some pictures, by position and by name.

    Tensors with as many rows as there are pictures belong to the pictures, row by row; all else is
    for the whole model. The model then runs on one picture at a time, or on changed copies of one:
    the row is repeated for each copy, so that every method uses the right one.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    pictures: int

    @classmethod
    def of(cls, classifier: Classifier, given: Any, pictures: int) -> Inputs | None:
        """Read `inputs=`: a dict by name, a tuple by position, or one tensor; None: there are none.

        Raises:
            ModelError: The model takes nothing beside the picture.

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
        """The classifier of one picture (counted from 0) and its changed copies."""
        return self._bound(classifier, slice(picture, picture + 1))

    def prove(self, classifier: Classifier, pixels: Tensor) -> None:
        """ModelError unless pictures one by one give the numbers that they give side by side."""
        if len(pixels) < 2:
            return
        together = self._bound(classifier, slice(0, len(pixels)))
        with torch.no_grad():
            single = torch.cat(
                [_numbers(self.bind(classifier, i), pixels[i : i + 1]) for i in range(len(pixels))]
            )
            try:
                beside = _numbers(together, pixels)
            except (RuntimeError, IndexError, ValueError) as error:
                raise ModelError(self._mixed(classifier, str(error).splitlines()[0])) from error
        scale = single.abs().amax().clamp(min=1e-6)
        if single.shape != beside.shape or not float((single - beside).abs().amax() / scale) < 1e-2:
            raise ModelError(self._mixed(classifier, "the numbers differ"))

    def note(self) -> str:
        """Which inputs were cut to pictures, and which were given whole."""
        cut = self.cut()
        whole = [str(name) for name, _ in self._every() if str(name) not in cut]
        parts = [(cut, "row by row with the pictures"), (whole, "whole")]
        return "inputs: " + "; ".join(f"{', '.join(some)} {how}" for some, how in parts if some)

    def cut(self) -> list[str]:
        """Names (or positions, from 1) of the inputs that are cut to pictures."""
        return [
            str(name)
            for name, value in self._every()
            if any(map(self._has_rows, pytree.tree_leaves(value)))
        ]

    def _every(self) -> list[tuple[int | str, Any]]:
        return [*enumerate(self.args, 1), *self.kwargs.items()]

    def _has_rows(self, value: Any) -> bool:
        return isinstance(value, Tensor) and value.ndim > 0 and len(value) == self.pictures

    def _mixed(self, classifier: Classifier, why: str) -> str:
        cut = ", ".join(self.cut()) or "no input"
        return (
            f"{classifier.name} gives for pictures one at a time what it does not give for them "
            f"side by side ({why}); {cut} was cut to pictures, as it has a row for each. Explain "
            "the pictures one by one, each with its own inputs."
        )

    def _bound(self, classifier: Classifier, some: slice) -> Classifier:
        run = classifier.output
        assert run is not None, "a classifier that is run by agcam's own call has an output"

        def output(pixels: Tensor) -> Any:
            def rows(value: Any) -> Any:
                return self._rows(value, some, pixels)

            args, kwargs = pytree.tree_map(rows, (self.args, dict(self.kwargs)))
            return run(pixels, *args, **kwargs)

        return with_output(classifier, output)

    def _rows(self, value: Any, some: slice, pixels: Tensor) -> Any:
        """One value where and as precise as the pixels, with a row for each of them."""
        if not isinstance(value, Tensor):
            return value
        value = value.detach().to(pixels.device)
        if value.is_floating_point():
            value = value.to(pixels.dtype)
        if not self._has_rows(value):
            return value
        rows = value[some]
        return rows if len(rows) == len(pixels) else rows.repeat_interleave(len(pixels), 0)


def _numbers(classifier: Classifier, pixels: Tensor) -> Tensor:
    """Every number that the model gives for each picture, (batch, number)."""
    assert classifier.output is not None, "as in `of`"
    rows = [leaf.tensor for leaf in leaves(classifier.output(pixels))]
    if len(pixels) == 1:
        rows = [row if row.ndim else row[None] for row in rows]
    rows = [row.flatten(1) if row.ndim > 1 else row[:, None] for row in rows if row.ndim]
    return torch.cat([row.to(pixels.dtype) for row in rows if len(row) == len(pixels)], dim=1)
