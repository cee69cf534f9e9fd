"""The row of the table of metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from .cases import Case

Better = Literal["higher", "lower"]


class Axes(NamedTuple):
    """How a metric's curve is drawn; its points run from 0 to 1, or count stages."""

    horizontal: str
    vertical: str
    from_0_to_1: bool = True


@dataclass(frozen=True)
class Metric:
    """One number that judges a map, and everything that is stated about it anywhere.

    Attributes:
        name: What the command line and the store call it.
        sentence: What it measures, for lists and reports.
        function: From a case to one number, never NaN. For a number of a whole set: to a short
            array of integers, which is stored for each picture.
        needs: The kind of case that `function` reads.
        better: Which way is better.
        bounds: The lowest and the highest value that there is.
        on_empty: What comes of an empty annotation, an empty prediction and a constant map.
        cite: Where it is from.
        heading: The table of a report that it belongs to.
        of_set: For a number of a whole set that is not a mean of numbers: from the arrays of all
            pictures (picture, number) and their names, in the same order, to the number.
        curve: From a case to the curve behind the number, which is stored beside it.
        axes: How the curve is drawn; None: it is not.
        map_of: The class whose map is judged, by boxes and masks.
        right_only: Whether boxes and masks judge only pictures that the model predicts correctly.
        fill: What replaces removed pixels: a name of the fills of the evaluation.

    """

    name: str
    sentence: str
    function: Callable[[Any], float | NDArray[Any]]
    needs: type[Case]
    better: Better
    bounds: tuple[float, float]
    on_empty: str
    cite: str
    heading: str
    of_set: Callable[[NDArray[Any], Sequence[str]], float] | None = None
    curve: Callable[[Any], NDArray[Any]] | None = None
    axes: Axes | None = None
    map_of: Literal["label", "prediction"] = "label"
    right_only: bool = False
    fill: str = ""
