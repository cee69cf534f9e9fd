"""Methods that are not defined for what a survey found of a model, each refused by its cause."""

from __future__ import annotations

from ..errors import ModelError
from ..values import Layout, Method
from .untraceable import BYPASSED, STAGES


def refuse_unfit(name: str, layout: Layout, method: Method) -> None:
    """Raise ModelError where a method cannot be right for models of this layout."""
    if layout.places and not (method.several_grids or method.needs.any_classifier):
        raise ModelError(
            f"{name}: {layout.why}, and {method.name} is defined for one grid "
            f"of tokens (it reads {method.needs.reads}); choose agcam, or a black-box method "
            "(occlusion)."
        )
    if method.from_last_block and layout.branches:
        why = STAGES if layout.places else layout.why
        raise ModelError(
            f"{name}: {why}, and {method.name} starts at the tokens of "
            "the last block; choose agcam, or a black-box method (occlusion)."
        )
    if method.reads_rows and not all(places.rows for places in layout.places):
        raise ModelError(
            f"{name}: {layout.why}, and where the rows of each attention lie, "
            f"which {method.name} needs, could not be proved (class tokens lie nowhere; steps "
            "between grids by attention alone, and convolutions behind it, carry what a row "
            "returns elsewhere); choose agcam, or a black-box method (occlusion)."
        )
    if layout.bypassed and not method.needs.light and not method.needs.any_classifier:
        raise ModelError(
            f"{name}: {layout.why or BYPASSED}, so the gradients that "
            f"{method.name} reads do not begin at its first block; choose agcam, or a "
            "black-box method (occlusion)."
        )
