"""Methods that are not defined for what a survey found of a model, each refused by its cause."""

from __future__ import annotations

from typing import Final

from ..errors import ModelError
from ..values import Layout, Method
from .untraceable import BYPASSED, STAGES

INSTEAD: Final = "choose agcam, or a black-box method (occlusion)."


def refuse_unfit(name: str, layout: Layout, method: Method) -> None:
    """Raise ModelError where a method cannot be right for models of this layout."""
    if (cause := _unfit(layout, method)) is not None:
        raise ModelError(f"{name}: {cause}; {INSTEAD}")


def _unfit(layout: Layout, method: Method) -> str | None:
    if layout.places and not (method.several_grids or method.needs.any_classifier):
        reads = method.needs.reads
        return (
            f"{layout.why}, and {method.name} is defined for one grid of tokens (it reads {reads})"
        )
    if method.from_last_block and layout.branches:
        why = STAGES if layout.places else layout.why
        return f"{why}, and {method.name} starts at the tokens of the last block"
    why_no_rows = next((one.why_no_rows for one in layout.places if not one.rows), "")
    if method.reads_rows and why_no_rows:
        return f"{why_no_rows}, and {method.name} follows rows from attention to attention"
    if layout.bypassed and not method.needs.light and not method.needs.any_classifier:
        return (
            f"{layout.why or BYPASSED}, so the gradients that {method.name} reads do not begin at "
            "its first block"
        )
    return None
