"""Room `maps`: relevance per patch onto the picture's pixels, into colours, files and a page."""

from .files import npy_bytes, png_bytes, write_atomically
from .page import Card, MapView, render_page
from .pixels import PixelMap, resize_map, to_pixels
from .render import colour_table, heat_map, overlay
from .sheet import Sheet, SheetColumn, sheet_page, sheet_png

__all__ = [
    "Card",
    "MapView",
    "PixelMap",
    "Sheet",
    "SheetColumn",
    "colour_table",
    "heat_map",
    "npy_bytes",
    "overlay",
    "png_bytes",
    "render_page",
    "resize_map",
    "sheet_page",
    "sheet_png",
    "to_pixels",
    "write_atomically",
]
