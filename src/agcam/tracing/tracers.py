"""The ways to evidence, by the names that `tracer=` takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from ..errors import UnknownNameError
from ..values import Method

Tracer = Literal[
    "replay",
    "full",
    "tape",
    "block scores",
    "token features",
    "single patches",
    "black box",
    "none",
]


def check_tracer(tracer: str | None, methods: Sequence[Method]) -> None:
    """Refuse a tracer that does not exist, or that is none for one of the methods."""
    if tracer is None:
        return
    if tracer not in get_args(Tracer):
        raise UnknownNameError(
            f"no tracer is called {tracer!r}; there are {', '.join(get_args(Tracer))}, and None, "
            "which chooses by itself."
        )
    for method in methods:
        if tracer not in method.needs.tracers:
            raise UnknownNameError(
                f"tracer={tracer!r} does not give what {method.name} reads; leave it out, or give "
                f"{' or '.join(map(repr, method.needs.tracers))}."
            )
