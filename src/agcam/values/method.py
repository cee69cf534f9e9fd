"""The row of the table of methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from jaxtyping import Float
from torch import Tensor

from ..errors import MethodError, UnknownNameError
from .model import Layout
from .options import Option, RulesOption
from .picture import Grid
from .traits import Needs


@dataclass(frozen=True)
class Method:
    """A method: a pure function from the evidence it needs to relevance per patch.

    Attributes:
        name: What users call it.
        function: The formula; options are its keywords.
        needs: What it reads, what that costs, and who can make it.
        cite: Its source.
        class_specific: Whether its map depends on the target.
        from_last_block: Whether the formula starts at the rows of the last block that the
            classifier reads, so that it says nothing of a classifier that reads other blocks too.
        several_grids: Whether the formula holds where attentions lie on grids of their own.
        reads_rows: Whether it must then know where their rows lie, beside their keys.
        where_pooled: What is shown in its place of classifiers that read patches, where nobody
            named it.
        checked: What numbers it was compared with, beside its slow twin in the tests.
        options: Its parameters.
        chosen: The options that were given a value, with the value.
    """

    name: str
    function: Callable[..., Float[Tensor, "batch patch"]]
    needs: Needs
    cite: str
    class_specific: bool = True
    from_last_block: bool = False
    several_grids: bool = False
    reads_rows: bool = False
    where_pooled: Method | None = None
    checked: str = ""
    options: tuple[Option | RulesOption, ...] = ()
    chosen: tuple[tuple[str, Any], ...] = ()

    @property
    def passes(self) -> str:
        """What it costs beside a plain forward pass, as text."""
        return self.needs.passes

    @property
    def explains(self) -> str:
        """Which models it explains, as text."""
        if self.needs.any_classifier:
            return "any image classifier"
        if not self.several_grids:
            return "isotropic ViTs"
        which = "whose rows have places" if self.reads_rows else "too"
        return f"ViTs, hierarchies {which}"

    def pictures(self, grid: Grid) -> int:
        """Pictures given to the model for one target of one picture; 0 unless black-box."""
        return self.needs.pictures(grid)

    @property
    def either(self) -> tuple[Method, ...]:
        """This method, and what may be shown in its place."""
        return (self,) if self.where_pooled is None else (self, self.where_pooled)

    def shown_of(self, layout: Layout) -> Method:
        """This method, or what is shown in its place of models of this layout."""
        return self.either[-1] if layout.pooled else self

    def with_options(self, options: Any) -> Method:
        """Choose values of options; the cost follows them.

        Args:
            options: A mapping from names of options to values.

        Returns:
            A method of the same name, whose `function` and `needs` have these values.

        Raises:
            UnknownNameError: The method has no such option.
            MethodError: A value has another type, or is out of range.
        """
        if not isinstance(options, Mapping):
            raise MethodError(f"options={options!r} is not a mapping from names to values.")
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
