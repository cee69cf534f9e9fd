"""Room `images`: open any picture safely, and prepare it the way a model wants it."""

from .find import find_pictures
from .open import MAX_PIXELS, open_picture
from .prepare import prepare

__all__ = ["MAX_PIXELS", "find_pictures", "open_picture", "prepare"]
