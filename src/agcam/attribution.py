"""The door for captum, Quantus and code written for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import PictureError, TargetError
from .explainer import explain
from .families import load


class Attribution:
    """The call that captum, Quantus and their users expect: `attribute(inputs, target=...)`."""

    def __init__(self, model: object, method: str = "agcam") -> None:
        self.classifier = load(model)
        self.method = method

    def attribute(
        self, inputs: Any, target: Any = None, additional_forward_args: Any = None, **_: object
    ) -> Any:
        """Relevance per input pixel, in the shape of `inputs` (batch channel height width).

        Raw, bilinear from patches to pixels, the same in every channel; on the device of the
        inputs. `target`: one class for all, or one a picture. `additional_forward_args`: what the
        model's `forward` takes after the picture, one tensor or a tuple. A tuple of one tensor,
        which some of captum's metrics give, is answered with a tuple.
        """
        if isinstance(inputs, tuple) and len(inputs) == 1:
            return (self.attribute(inputs[0], target, additional_forward_args),)
        if not isinstance(inputs, Tensor):
            raise PictureError(
                "the inputs are one prepared tensor (batch, channel, height, width)."
            )
        explanation = explain(
            self.classifier, inputs, target, self.method, inputs=additional_forward_args
        )
        if explanation.target.shape[1] != 1:
            raise TargetError("an attribution is for one class a picture; for several, explain().")
        maps = np.stack([pixel_map[0] for pixel_map in explanation.pixel_map])
        relevance = torch.from_numpy(np.asarray(maps)).to(inputs.device)
        return relevance[:, None].expand(inputs.shape).contiguous()
