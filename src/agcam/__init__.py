"""agcam: see what a Vision Transformer looked at, for any class, and prove it.

    explanation = agcam.explain(model, pictures, target=None, method="agcam")

Names are imported when first used, so that `import agcam` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (
    AgcamError,
    DataSetError,
    LoadError,
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
    from .attribution import Attribution
    from .explainer import explain
    from .explanation import Explanation
    from .families import load
    from .methods import METHODS
    from .targets import Against, Similarity, Target, Top
    from .values import Classifier, Preparation

_LAZY = {
    "METHODS": "methods",
    "Attribution": "attribution",
    "Classifier": "values",
    "Explanation": "explanation",
    "Preparation": "values",
    "Against": "targets",
    "Similarity": "targets",
    "Target": "targets",
    "Top": "targets",
    "explain": "explainer",
    "load": "families",
}

__all__ = [
    "METHODS",
    "Against",
    "AgcamError",
    "Attribution",
    "Classifier",
    "DataSetError",
    "Explanation",
    "LoadError",
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
    "explain",
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
