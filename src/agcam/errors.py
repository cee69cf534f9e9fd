"""Every error that agcam raises on purpose; each message names what went wrong and the fix."""

from .wording import printable


class AgcamError(Exception):
    """Base of all: `except agcam.AgcamError` catches what agcam refuses, and nothing else.

    Its message is one printable line, whatever names of files and classes are in it.
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


class TargetError(AgcamError, ValueError):
    """The class that was asked about does not exist or does not fit the batch."""


class PictureError(AgcamError, ValueError):
    """A picture could not be read, or is not a picture."""


class DataSetError(AgcamError, ValueError):
    """A data set is not laid out as its reader says, or one of its annotations is wrong."""


class MetricError(AgcamError, ValueError):
    """A metric was given what it cannot judge (an inverted box, infinite relevance, NaN)."""


class RenderError(AgcamError, ValueError):
    """A map cannot be drawn as asked (values outside [0, 1], another size, alpha out of range)."""


class SaveError(AgcamError, OSError):
    """An output could not be written; nothing half-written was left behind."""


class RunError(AgcamError, RuntimeError):
    """An evaluation cannot run, go on or be read as asked; what was stored before is kept."""


class DamageError(RunError):
    """A store is damaged so that a run of it cannot be read as a whole."""


class BusyError(AgcamError):
    """The server has as much work as it takes at once; ask again in a moment."""


class VisitorBusyError(BusyError):
    """A visitor waits for as many answers as one may; others are not kept out."""


class TooMuchError(AgcamError, ValueError):
    """One request asks for more work than the server does for one; known before it starts."""


class GoneError(AgcamError):
    """Whoever asked has left, so the work was given up."""
