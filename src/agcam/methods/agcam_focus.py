"""What agcam_spread finds, steeper: most of the mass where the evidence is strongest."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..values import ReachTrace
from .agcam_spread import above_mean, reached


def agcam_focus(trace: ReachTrace) -> Float[Tensor, "batch patch"]:
    """`L = ((V A e+)+)^2`, `x+ = relu(x - mean x)`: what `agcam_spread` finds, steeper.

    Where `agcam_spread` keeps a little of the background and takes a root, to show all of a thing,
    this takes off all of it and squares, to have its mass inside the thing and on the parts that
    speak for the class most. One map cannot do both: see docs/better-map.md.
    """
    return above_mean(reached(trace)).square()
