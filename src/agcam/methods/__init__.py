"""The table of methods, in the order in which they are listed.

Each file has the formula of a method, its options, and its row: what it needs, its source, and what
it was checked against. Command line, docs and tests read this table and no other.
"""

from __future__ import annotations

from typing import Final

from ..registry import Table
from ..values import Method
from . import (
    agcam,
    agcam_focus,
    agcam_spread,
    attcat,
    attn_lrp,
    baselines,
    beyond_intuition,
    bicam,
    gae,
    grad_cam,
    grad_cam_tokens,
    integrated_gradients,
    layer_cam,
    legrad,
    libra,
    lrp,
    occlusion,
    raw_attention,
    recipro_cam,
    rise,
    rollout,
    saliency,
    smooth_grad,
    token_tm,
)

__all__ = ["METHODS"]

_ROWS: Final = (
    agcam.METHOD,
    agcam_spread.METHOD,
    agcam_focus.METHOD,
    raw_attention.METHOD,
    rollout.METHOD,
    grad_cam.METHOD,
    gae.METHOD,
    attcat.METHOD,
    lrp.METHOD,
    attn_lrp.METHOD,
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
    smooth_grad.METHOD,
    integrated_gradients.METHOD,
    occlusion.METHOD,
    rise.METHOD,
    baselines.RANDOM,
    baselines.GAUSSIAN,
)

METHODS: Table[Method] = Table("method", {row.name: row for row in _ROWS})
