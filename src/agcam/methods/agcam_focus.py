"""What agcam_spread finds, steeper: most of the mass where the evidence is strongest."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from ..values import ReachTrace
from .agcam_spread import reached


def agcam_focus(trace: ReachTrace) -> Float[Tensor, "batch patch"]:
    """`L = ((V (A e))+)^2`: the patches of `agcam_spread`, in the same order, with a square.

    Where `agcam_spread` takes a root, to show all of a thing, this takes a square, to have its mass
    inside the thing and on the parts that speak for the class most. One map cannot do both: see
    docs/better-map.md.
    """
    return reached(trace).square()
