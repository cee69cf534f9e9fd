"""Where files lie: a path of this machine or any fsspec address (`zip::`, `memory://`, `s3://`)."""

from .matlab import MatFile
from .place import MOST_BYTES, Place, is_address, open_file
from .walk import TWICE, local_files

__all__ = [
    "MOST_BYTES",
    "TWICE",
    "MatFile",
    "Place",
    "is_address",
    "local_files",
    "open_file",
]
