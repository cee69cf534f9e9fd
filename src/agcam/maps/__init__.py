"""Room `maps`: relevance per patch onto the picture's pixels, into colours, files and a page."""

from .files import npy_bytes, png_bytes, write_atomically
from .page import Card, MapView, render_page
from .pixels import PixelMap, resize_map, to_pixels
from .render import colour_table, heat_map, overlay

__all__ = [
    "Card",
    "MapView",
    "PixelMap",
    "colour_table",
    "heat_map",
    "npy_bytes",
    "overlay",
    "png_bytes",
    "render_page",
    "resize_map",
    "to_pixels",
    "write_atomically",
]
