"""Room `transforms`: a preparation that is the user's own program, run as it is, and measured."""

from .own import transform_of
from .run import pixels_in

__all__ = ["pixels_in", "transform_of"]
