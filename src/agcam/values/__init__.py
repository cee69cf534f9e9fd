"""The nouns that travel between the rooms: frozen, with their shapes in the types."""

from .cases import BoxCase, Case, CurveCase, GroupCase, MosaicCase
from .evidence import (
    AttentionCall,
    AttentionTrace,
    BlockRecord,
    BlockTrace,
    FullBlock,
    FullTrace,
    GridTrace,
    ReachTrace,
    ReadBlock,
    ReadTrace,
    Recording,
    Trace,
)
from .model import Classifier, Family, Layout
from .picture import Frame, Grid, Preparation
from .rows import Method, Metric
from .samples import DataSet, Reader, Sample, Truth

__all__ = [
    "AttentionCall",
    "AttentionTrace",
    "BlockRecord",
    "BlockTrace",
    "BoxCase",
    "Case",
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
    "Method",
    "Metric",
    "MosaicCase",
    "Preparation",
    "ReachTrace",
    "ReadBlock",
    "ReadTrace",
    "Reader",
    "Recording",
    "Sample",
    "Trace",
    "Truth",
]
