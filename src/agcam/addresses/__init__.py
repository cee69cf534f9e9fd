"""Where files lie: a path of this machine or any fsspec address (`zip::`, `memory://`, `s3://`)."""

from .matlab import MatFile
from .place import Place, is_address, open_file

__all__ = ["MatFile", "Place", "is_address", "open_file"]
