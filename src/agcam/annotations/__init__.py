"""Room `annotations`: what a model looked at, handed on as instance labels.

labels   -> the classes of each picture
annotate -> records, one a picture, by `explain_each`
stored   -> records on the disk; the final files from them
formats  -> a table of pure functions from records to files
"""

from .annotate import Annotation, annotate
from .formats import FORMATS, Format
from .record import Annotated, Annotations, Record

__all__ = ["FORMATS", "Annotated", "Annotation", "Annotations", "Format", "Record", "annotate"]
