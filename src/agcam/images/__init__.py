"""Room `images`: open any picture safely, and prepare it the way a model wants it."""

from .arrays import MAX_PIXELS
from .find import find_pictures
from .open import open_picture
from .prepare import prepare
from .prepared import Prepared, list_pictures, prepare_pictures
from .ready import Ready, prepare_picture

__all__ = [
    "MAX_PIXELS",
    "Prepared",
    "Ready",
    "find_pictures",
    "list_pictures",
    "open_picture",
    "prepare",
    "prepare_picture",
    "prepare_pictures",
]
