"""Evaluation: data set x model x methods x metrics, from one recording a batch, into a store."""

from .configuration import CHANCE, PRECISIONS, Configuration, subject_of
from .evaluator import Evaluator, Subject
from .measures import BUNDLES, MEASURES, Measure
from .planning import Plan, plan, plan_of
from .run import carry_out

__all__ = [
    "BUNDLES",
    "CHANCE",
    "MEASURES",
    "PRECISIONS",
    "Configuration",
    "Evaluator",
    "Measure",
    "Plan",
    "Subject",
    "carry_out",
    "plan",
    "plan_of",
    "subject_of",
]
