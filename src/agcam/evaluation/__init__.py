"""Evaluation: a configuration is planned, run shard by shard into a store, and summarized.

configuration -> plan -> evaluator (shard -> rows) -> store -> Evaluation (summary, report)
"""

from .configuration import PRECISIONS, Configuration
from .evaluator import Evaluator
from .outcome import Evaluation
from .planning import Plan, plan, plan_setup
from .run import evaluate, run_plan
from .setup import Setup, load_setup

__all__ = [
    "PRECISIONS",
    "Configuration",
    "Evaluation",
    "Evaluator",
    "Plan",
    "Setup",
    "evaluate",
    "load_setup",
    "plan",
    "plan_setup",
    "run_plan",
]
