"""Evaluation: data set x model x methods x metrics, from one recording a batch, into a store."""

from .configuration import PRECISIONS, Configuration, load_setup
from .evaluator import Setup, Worker
from .measures import BUNDLES, MEASURES, Measure
from .planning import Plan, plan, plan_setup
from .run import run_plan

__all__ = [
    "BUNDLES",
    "MEASURES",
    "PRECISIONS",
    "Configuration",
    "Measure",
    "Plan",
    "Setup",
    "Worker",
    "load_setup",
    "plan",
    "plan_setup",
    "run_plan",
]
