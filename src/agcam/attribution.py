"""The interface of captum, for captum, Quantus and code written for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .errors import PictureError, TargetError
from .explainer import explain
from .families import load


class Attribution:
    """A model and a method behind captum's call, `attribute(inputs, target=...)`.

    Args:
        model: As `agcam.load` takes it.
        method: A name in `METHODS`.
    """

    def __init__(self, model: object, method: str = "agcam") -> None:
        self.classifier = load(model)
        self.method = method

    def attribute(
        self, inputs: Any, target: Any = None, additional_forward_args: Any = None, **_: object
    ) -> Any:
        """Relevance of each input pixel: raw, bilinear from patches, the same in every channel.

        Args:
            inputs: Prepared pixels (batch, channel, height, width), or a tuple of one such tensor,
                as some of captum's metrics give it.
            target: One class for all pictures, or a list or tensor of one per picture.
            additional_forward_args: What the model's `forward` takes after the picture, one tensor
                or a tuple.
            **_: Other arguments of captum's methods, which are ignored.

        Returns:
            A tensor in the shape and on the device of the inputs; a tuple for a tuple.

        Raises:
            PictureError: For inputs that are not one prepared tensor.
            TargetError: For several classes per picture, and a class that the model does not have.

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
            raise TargetError(
                "an attribution has one class per picture; call agcam.explain for several."
            )
        maps = np.stack([pixel_map[0] for pixel_map in explanation.pixel_map])
        relevance = torch.from_numpy(np.asarray(maps)).to(inputs.device)
        return relevance[:, None].expand(inputs.shape).contiguous()
