"""Room `transforms`: a preparation that is the user's own program, run as it is, and measured."""

from .alike import looks_alike
from .own import transform_of
from .run import pixels_in

__all__ = ["looks_alike", "pixels_in", "transform_of"]
