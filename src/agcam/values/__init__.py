"""The nouns that travel between the rooms: frozen, with their shapes in the types."""

from .by_rules import (
    AttnLrpTrace,
    LibraTrace,
    LrpBlock,
    LrpTrace,
    RuledTrace,
    StreamBlock,
    StreamTrace,
)
from .cases import BoxCase, Case, CurveCase, GroupCase, MaskCase, MosaicCase
from .evidence import (
    AttentionCall,
    AttentionTrace,
    BlockRecord,
    BlockTrace,
    FullBlock,
    FullTrace,
    GridTrace,
    Oracle,
    ReachTrace,
    ReadBlock,
    ReadTrace,
    Recording,
    TokenTrace,
)
from .model import Classifier, Family, Layout, Scores
from .more_passes import AloneTrace, PathTrace
from .picture import Frame, Grid
from .preparation import (
    Changes,
    Preparation,
    Transform,
    manifest_of,
    note_of,
    scaled_resize,
    words_for,
)
from .rows import Method, Metric, SetMetric
from .samples import DataSet, Reader, Sample, Truth
from .trace import Trace
from .words import shown

__all__ = [
    "AloneTrace",
    "AttentionCall",
    "AttentionTrace",
    "AttnLrpTrace",
    "BlockRecord",
    "BlockTrace",
    "BoxCase",
    "Case",
    "Changes",
    "Classifier",
    "CurveCase",
    "DataSet",
    "Family",
    "Frame",
    "FullBlock",
    "FullTrace",
    "Grid",
    "GridTrace",
    "GroupCase",
    "Layout",
    "LibraTrace",
    "LrpBlock",
    "LrpTrace",
    "MaskCase",
    "Method",
    "Metric",
    "MosaicCase",
    "Oracle",
    "PathTrace",
    "Preparation",
    "ReachTrace",
    "ReadBlock",
    "ReadTrace",
    "Reader",
    "Recording",
    "RuledTrace",
    "Sample",
    "Scores",
    "SetMetric",
    "StreamBlock",
    "StreamTrace",
    "TokenTrace",
    "Trace",
    "Transform",
    "Truth",
    "manifest_of",
    "note_of",
    "scaled_resize",
    "shown",
    "words_for",
]
