"""Room `annotations`: what a model looked at, handed on as instance labels.

request   -> names; a job: the model, and the pictures with their `labels`
annotator -> a shard of pictures to records, one per picture, where an engine wants it
stored    -> records on the disk; the final files from them, the pictures by `placing`
formats   -> a table of pure functions from records to files
"""

from .annotate import Annotation, annotate
from .formats import FORMATS, Format
from .record import Annotated, Annotations, Record
from .stored import FAILURES

__all__ = [
    "FAILURES",
    "FORMATS",
    "Annotated",
    "Annotation",
    "Annotations",
    "Format",
    "Record",
    "annotate",
]
