"""The row of the table of methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ..errors import UnknownNameError
from .options import Option, RulesOption
from .picture import Grid
from .traits import Needs


@dataclass(frozen=True)
class Method:
    """A method: a pure function from the evidence it needs to relevance per patch.

    `needs` says what it reads and what that costs; `options` are its parameters, `chosen` those
    that have other values than their defaults. `checked` says what numbers it was compared with,
    beside its slow twin in the tests. `from_last_block` is true where the formula starts at the
    rows of the last block that the classifier reads, so that it says nothing of a classifier that
    reads other blocks too.
    """

    name: str
    function: Callable[..., Float[Tensor, "batch patch"]]
    needs: Needs
    cite: str
    class_specific: bool = True
    from_last_block: bool = False
    checked: str = ""
    options: tuple[Option | RulesOption, ...] = ()
    chosen: tuple[tuple[str, Any], ...] = ()

    @property
    def passes(self) -> str:
        """What it costs beside a plain forward pass, as text."""
        return self.needs.passes

    def pictures(self, grid: Grid) -> int:
        """Pictures given to the model for one target of one picture; 0 unless black-box."""
        return self.needs.pictures(grid)

    def with_options(self, options: Mapping[str, object]) -> Method:
        """The method with other values of its options; its cost follows them.

        Raises UnknownNameError for an option it does not have, MethodError for a value of another
        type or out of range.
        """
        known = {option.name: option for option in self.options}
        for name in options:
            if name not in known:
                has = f"its options are {', '.join(known)}" if known else "it has none"
                raise UnknownNameError(f"{self.name} has no option {name!r}; {has}.")
        given = {name: known[name].check(value) for name, value in options.items()}
        keywords = inspect.signature(self.function).parameters
        of_function = {name: value for name, value in given.items() if name in keywords}
        of_needs = {known[name].sets: value for name, value in given.items() if known[name].sets}
        return replace(
            self,
            function=partial(self.function, **of_function) if of_function else self.function,
            needs=replace(self.needs, **of_needs),
            chosen=tuple({**dict(self.chosen), **given}.items()),
        )

    def settings(self) -> dict[str, Any]:
        """The options that were chosen, ready for JSON."""
        known = {option.name: option for option in self.options}
        return {name: known[name].described(value) for name, value in self.chosen}
