"""What agcam_spread finds, steeper: most of the mass where the evidence is strongest."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..values import Method, ReadTrace
from ..values.needs import Replay
from .agcam_spread import CITE, OPTION_TEMPERATURE, TEMPERATURE, above_mean, reached


def agcam_focus(
    trace: ReadTrace, *, temperature: float = TEMPERATURE
) -> Float[Tensor, "batch_target patch"]:
    """`L = ((V A (q e+))+)^2`, `x+ = relu(x - mean x)`: what `agcam_spread` finds, steeper.

    Where `agcam_spread` keeps a little of the background and takes a root, to show all of an
    object, this takes off all of it and squares, to have its mass inside the object and on the
    parts that speak for the class most. One map cannot do both: see docs/better-map.md.
    """
    return above_mean(reached(trace, temperature)).square()


METHOD = Method(
    "agcam_focus",
    agcam_focus,
    Replay(calls=True),
    CITE,
    several_grids=True,
    reads_rows=True,
    options=(OPTION_TEMPERATURE,),
)
