"""Room `viewer`: one page for all that is exported or served; drawn in the browser from numbers."""

from .bundle import ASSETS
from .data import (
    Card,
    Document,
    MapData,
    MethodData,
    Picture,
    TargetData,
    card_json,
    colour_tables,
    gallery_block,
    table_block,
    targets_of,
)
from .page import framed, page, page_pieces, policy
from .pictures import SMALL, data_address, embedded, reduced, small_file
from .report import Judged, report_page
from .sharp import drawn

__all__ = [
    "ASSETS",
    "SMALL",
    "Card",
    "Document",
    "Judged",
    "MapData",
    "MethodData",
    "Picture",
    "TargetData",
    "card_json",
    "colour_tables",
    "data_address",
    "drawn",
    "embedded",
    "framed",
    "gallery_block",
    "page",
    "page_pieces",
    "policy",
    "reduced",
    "report_page",
    "small_file",
    "table_block",
    "targets_of",
]
