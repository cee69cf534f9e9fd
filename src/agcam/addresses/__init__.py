"""Where files lie: a path of this machine or any fsspec address (`zip::`, `memory://`, `s3://`)."""

from .matlab import MatFile
from .place import MOST_BYTES, Place, is_address, open_file

__all__ = ["MOST_BYTES", "MatFile", "Place", "is_address", "open_file"]
