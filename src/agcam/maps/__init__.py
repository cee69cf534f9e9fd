"""Room `maps`: relevance per patch onto the picture's pixels, into colours, files and a page."""

from .files import npy_bytes, png_bytes, write_as_it_comes, write_atomically
from .page import (
    SMALL,
    Card,
    MapView,
    Thumbnail,
    data_address,
    page_pieces,
    render_page,
    small_file,
)
from .pixels import PixelMap, resize_map, to_pixels
from .render import colour_table, heat_map, overlay
from .sheet import Sheet, SheetColumn, sheet_page, sheet_png

__all__ = [
    "SMALL",
    "Card",
    "MapView",
    "PixelMap",
    "Sheet",
    "SheetColumn",
    "Thumbnail",
    "colour_table",
    "data_address",
    "heat_map",
    "npy_bytes",
    "overlay",
    "page_pieces",
    "png_bytes",
    "render_page",
    "resize_map",
    "sheet_page",
    "sheet_png",
    "small_file",
    "to_pixels",
    "write_as_it_comes",
    "write_atomically",
]
