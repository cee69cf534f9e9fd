"""The table of methods: command line, docs and tests read this list and no other."""

from __future__ import annotations

from ..registry import Table
from ..values import AttentionTrace, GridTrace, Method, ReadTrace
from .agcam import agcam
from .chance import centred_gaussian, random_map
from .raw_attention import raw_attention
from .rollout import rollout

__all__ = ["METHODS"]

_ROWS = [
    Method(
        name="agcam",
        function=agcam,
        needs=ReadTrace,
        class_specific=True,
        passes="1 forward, replay of the read tokens",
        cite="Leem and Seo, Attention Guided CAM, AAAI 2024, arXiv 2402.04563",
    ),
    Method(
        name="raw_attention",
        function=raw_attention,
        needs=AttentionTrace,
        class_specific=False,
        passes="1 forward",
        cite="the last block's attention, as in Caron et al., DINO, ICCV 2021, arXiv 2104.14294",
    ),
    Method(
        name="rollout",
        function=rollout,
        needs=AttentionTrace,
        class_specific=False,
        passes="1 forward, attention rows of every block",
        cite="Abnar and Zuidema, Quantifying Attention Flow, ACL 2020, arXiv 2005.00928",
    ),
    Method(
        name="random",
        function=random_map,
        needs=GridTrace,
        class_specific=False,
        passes="1 forward",
        cite="chance row: uniform noise",
    ),
    Method(
        name="gaussian",
        function=centred_gaussian,
        needs=GridTrace,
        class_specific=False,
        passes="1 forward",
        cite="chance row: centred Gaussian",
    ),
]

METHODS: Table[Method] = Table("method", {row.name: row for row in _ROWS})
