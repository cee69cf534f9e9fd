"""Every error that agcam raises on purpose; a message names what went wrong, and the fix."""

from .wording import printable


class AgcamError(Exception):
    """The base class: `except agcam.AgcamError` catches what agcam refuses, and nothing else.

    The message is one printable line, whatever names of files and classes it contains.
    """

    def __str__(self) -> str:
        return printable(super().__str__())


class UnknownNameError(AgcamError, KeyError):
    """A method, model or family of that name is not in its table."""

    def __str__(self) -> str:
        return printable(self.args[0])  # KeyError would print the repr of the sentence


class ModelError(AgcamError):
    """The model cannot be explained as it is (not a ViT classifier, NaN logits, ...)."""


class ProofError(ModelError):
    """The replayed logits differ from the recorded ones, so no map was made."""


class LoadError(AgcamError):
    """A model, checkpoint or cache could not be loaded."""


class MethodError(AgcamError, ValueError):
    """An option of a method is of another type than it takes, or out of its range."""


class TargetError(AgcamError, ValueError):
    """A target does not exist, or does not fit the pictures or the model."""


class PictureError(AgcamError, ValueError):
    """A picture could not be read, or is not a picture."""


class DataSetError(AgcamError, ValueError):
    """A data set has another layout than its reader expects, or an annotation is wrong."""


class MetricError(AgcamError, ValueError):
    """A metric cannot judge what it was given (an inverted box, infinite relevance, NaN)."""


class RenderError(AgcamError, ValueError):
    """A map cannot be drawn (values outside [0, 1], another size, alpha out of range)."""


class SaveError(AgcamError, OSError):
    """An output could not be written; no incomplete file is left."""


class RunError(AgcamError, RuntimeError):
    """An evaluation cannot run, continue or be read; what was stored before is kept."""


class DamageError(RunError):
    """A store is damaged, so that a run cannot be read completely."""


class BusyError(AgcamError):
    """The server has as much work as it accepts at once; retry in a moment."""


class VisitorBusyError(BusyError):
    """A visitor waits for as many answers as one may; others are still served."""


class TooMuchError(AgcamError, ValueError):
    """A request needs more work than the server does for one; known before it starts."""


class GoneError(AgcamError):
    """The visitor has left, so the work was cancelled."""
