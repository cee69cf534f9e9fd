"""Room `maps`: relevance per patch onto the picture's pixels, into objects, colours and files."""

from .clips import VIDEOS, contact_sheet, step_of, video
from .files import npy_bytes, png_bytes, saving, write_as_it_comes, write_atomically
from .instances import Edges, Instance, Mask, MaskRule, instances, mask_rule, union
from .pixels import PixelMap, resize_map, to_pixels
from .refinement import REFINEMENT, refine
from .render import colour_table, heat_map, overlay
from .sheet import Sheet, SheetColumn, sheet_png
from .sounds import with_axes
from .views import CROP, ONE_VIEW, VIEWS, PatchMaps, Windows

__all__ = [
    "CROP",
    "ONE_VIEW",
    "REFINEMENT",
    "VIDEOS",
    "VIEWS",
    "Edges",
    "Instance",
    "Mask",
    "MaskRule",
    "PatchMaps",
    "PixelMap",
    "Sheet",
    "SheetColumn",
    "Windows",
    "colour_table",
    "contact_sheet",
    "heat_map",
    "instances",
    "mask_rule",
    "npy_bytes",
    "overlay",
    "png_bytes",
    "refine",
    "resize_map",
    "saving",
    "sheet_png",
    "step_of",
    "to_pixels",
    "union",
    "video",
    "with_axes",
    "write_as_it_comes",
    "write_atomically",
]
