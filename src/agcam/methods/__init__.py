"""The table of methods, in the order in which they are listed.

Each file has the formula of a method, its options, and its row: what it needs, its source, and what
it was checked against. Command line, docs and tests read this table and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from ..errors import MethodError
from ..registry import Table
from ..values import Method
from . import (
    agcam,
    agcam_evidence,
    agcam_focus,
    agcam_rollout,
    agcam_spread,
    attcat,
    attn_lrp,
    baselines,
    beyond_intuition,
    bicam,
    gae,
    grad_cam,
    grad_cam_tokens,
    input_x_gradient,
    integrated_gradients,
    layer_cam,
    legrad,
    libra,
    lrp,
    occlusion,
    raw_attention,
    recipro_cam,
    res_lrp,
    rise,
    rollout,
    saliency,
    smooth_grad,
    token_tm,
)

__all__ = ["METHODS", "USUAL", "choose", "named"]

_ROWS: Final = (
    agcam.METHOD,
    agcam_spread.METHOD,
    agcam_focus.METHOD,
    agcam_evidence.METHOD,
    agcam_rollout.METHOD,
    raw_attention.METHOD,
    rollout.METHOD,
    grad_cam.METHOD,
    gae.METHOD,
    attcat.METHOD,
    lrp.METHOD,
    attn_lrp.METHOD,
    res_lrp.METHOD,
    libra.XGRAD_CAM_PLUS,
    libra.ATTCAT,
    token_tm.METHOD,
    beyond_intuition.TOKEN,
    beyond_intuition.HEAD,
    recipro_cam.METHOD,
    bicam.METHOD,
    legrad.METHOD,
    grad_cam_tokens.METHOD,
    layer_cam.METHOD,
    saliency.METHOD,
    input_x_gradient.METHOD,
    smooth_grad.METHOD,
    integrated_gradients.METHOD,
    occlusion.METHOD,
    rise.METHOD,
    baselines.RANDOM,
    baselines.GAUSSIAN,
)

METHODS: Table[Method] = Table("method", {row.name: row for row in _ROWS})


def choose(
    names: Iterable[str], options: Mapping[str, Mapping[str, object]] | None = None
) -> tuple[Method, ...]:
    """The methods of these names, each once, in order, with other values of their options.

    Args:
        names: Names of `METHODS`; "all" stands for every one.
        options: For each method the options that differ: `{"rise": {"masks": 4000}}`.

    Raises:
        UnknownNameError: For a method or an option that does not exist.
        MethodError: For no name at all, for a value out of range, and for options of a method that
            was not chosen.
    """
    wanted, given = list(names), options or {}
    if not wanted:
        raise MethodError('name at least one method, such as "agcam", or "all".')
    chosen = dict.fromkeys(METHODS if "all" in wanted else wanted)
    for name in given:
        if METHODS[name].name not in chosen:
            raise MethodError(f"options are given for {name}, which is not among the methods.")
    return tuple(METHODS[name].with_options(given.get(name, {})) for name in chosen)


USUAL: Final = (
    agcam.METHOD,
    replace(agcam_spread.METHOD, where_pooled=agcam_evidence.METHOD),
)
"""What is shown unless methods are named: what was read, and beside it how far an object reaches.

Of classifiers that read their patches it is where the evidence is: docs/planted-evidence.md.
"""


def named(
    method: str | Sequence[str] | None, options: Mapping[str, Any] | None = None
) -> tuple[Method, ...]:
    """The methods that `explain` takes: one with its options, or several with theirs by method.

    None is the usual ones.

    Raises:
        UnknownNameError: For a method that there is not.
        MethodError: For no method at all, and options that do not fit.

    """
    if method is None:
        rows = choose([row.name for row in USUAL], options)
        return tuple(
            replace(row, where_pooled=usual.where_pooled)
            for row, usual in zip(rows, USUAL, strict=True)
        )
    if isinstance(method, str):
        return (METHODS[method].with_options({} if options is None else options),)
    return choose(method, options)
