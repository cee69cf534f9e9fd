"""Room `images`: the one way from whatever holds a picture to the pixels that a model expects.

given      rows, batches, tensors, folders (`find`) -> single pictures
open       a file, bytes, an address, an array -> its content
decode     -> an upright RGB picture, or bands (`arrays`); `tiff` and `dicom` are read there
geometry   -> resized, cut, normalized, and the Frame that leads back
checks     -> notes where the pixels cannot be what the model expects
prepared   all of it: `prepare_picture`, `prepare_pictures`
videos      a video, a folder of frames, a list of pictures -> the frames that a model takes
clips      -> clips, ready as pictures are
sounds     a sound -> its spectrogram, and the picture of it
inputs     whatever the model takes: `prepare_inputs`
"""

from .arrays import MAX_PIXELS
from .find import find_pictures
from .geometry import prepare
from .given import list_pictures
from .inputs import find_inputs, holds_no_pictures, list_inputs, prepare_inputs, refuse_moving
from .open import open_picture
from .prepared import Prepared, prepare_picture, prepare_pictures

__all__ = [
    "MAX_PIXELS",
    "Prepared",
    "find_inputs",
    "find_pictures",
    "holds_no_pictures",
    "list_inputs",
    "list_pictures",
    "open_picture",
    "prepare",
    "prepare_inputs",
    "prepare_picture",
    "prepare_pictures",
    "refuse_moving",
]
