"""Room `images`: the one way from whatever holds a picture to the pixels that a model wants.

given      rows, batches, tensors, folders (`find`) -> single pictures
open       a file, bytes, an address, an array -> its content
decode     -> an upright RGB picture, or bands (`arrays`); `tiff` and `dicom` are read there
geometry   -> resized, cut, normalized, and the Frame that leads back
checks     -> notes where the pixels cannot be what the model wants
prepared   all of it: `prepare_picture`, `prepare_pictures`
"""

from .arrays import MAX_PIXELS
from .find import find_pictures
from .geometry import prepare
from .given import list_pictures
from .open import open_picture
from .prepared import Prepared, prepare_picture, prepare_pictures

__all__ = [
    "MAX_PIXELS",
    "Prepared",
    "find_pictures",
    "list_pictures",
    "open_picture",
    "prepare",
    "prepare_picture",
    "prepare_pictures",
]
