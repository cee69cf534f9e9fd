"""agcam: see what a Vision Transformer looked at, for any class, and prove it.

    explanation = agcam.explain(model, pictures, target=None, method="agcam")

The functions are those of the command line: `explain` (`explain_each` for any number of pictures),
`compare`, `evaluate`, `annotate`, `audit`, `list_models`, and `load` for what is stated of a model.
`METHODS`, `METRICS` and `DATASETS` list what there is. Names are imported when first used, so that
`import agcam` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (
    AgcamError,
    DataSetError,
    LoadError,
    MethodError,
    MetricError,
    ModelError,
    PictureError,
    ProofError,
    RunError,
    SaveError,
    TargetError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from .annotations import FORMATS, Annotation, annotate
    from .attribution import Attribution
    from .auditing import Audit, audit
    from .comparison import Comparison, compare
    from .datasets import DATASETS
    from .evaluation import Evaluation, evaluate
    from .explainer import Batch, explain, explain_each
    from .explanation import Explanation
    from .families import list_models, load
    from .methods import METHODS
    from .metrics import METRICS
    from .targets import Against, Similarity, Target, Top
    from .values import Classifier, Preparation

_LAZY = {
    "DATASETS": "datasets",
    "FORMATS": "annotations",
    "METHODS": "methods",
    "METRICS": "metrics",
    "Against": "targets",
    "Annotation": "annotations",
    "Attribution": "attribution",
    "Audit": "auditing",
    "Batch": "explainer",
    "Classifier": "values",
    "Comparison": "comparison",
    "Evaluation": "evaluation",
    "Explanation": "explanation",
    "Preparation": "values",
    "Similarity": "targets",
    "Target": "targets",
    "Top": "targets",
    "annotate": "annotations",
    "audit": "auditing",
    "compare": "comparison",
    "evaluate": "evaluation",
    "explain": "explainer",
    "explain_each": "explainer",
    "list_models": "families",
    "load": "families",
}

__all__ = [
    "DATASETS",
    "FORMATS",
    "METHODS",
    "METRICS",
    "Against",
    "AgcamError",
    "Annotation",
    "Attribution",
    "Audit",
    "Batch",
    "Classifier",
    "Comparison",
    "DataSetError",
    "Evaluation",
    "Explanation",
    "LoadError",
    "MethodError",
    "MetricError",
    "ModelError",
    "PictureError",
    "Preparation",
    "ProofError",
    "RunError",
    "SaveError",
    "Similarity",
    "Target",
    "TargetError",
    "Top",
    "UnknownNameError",
    "__version__",
    "annotate",
    "audit",
    "compare",
    "evaluate",
    "explain",
    "explain_each",
    "list_models",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'agcam' has no attribute {name!r}")
    value = getattr(import_module(f"agcam.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
