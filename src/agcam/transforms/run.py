"""Run a program that prepares pictures, whatever library it comes from, and take its pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ..errors import AgcamError, PictureError

KEYS: Final = ("pixel_values", "image", "images", "pixels", "img")
FEW: Final = 16  # an array whose last side is no longer than this has its channels there


def run(program: Any, picture: Image.Image) -> Tensor:
    """Give an RGB picture to a transform or processor: its pixels (channel, height, width).

    Torchvision, timm, albumentations, Hugging Face image processors, and any function of a PIL
    picture. Raises PictureError for a program that fails or gives anything but floating pixels.
    """
    name = name_of(program)
    try:
        given = _call(program, picture)
    except AgcamError:
        raise
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise PictureError(
            f"the transform {name} failed on a picture of {picture.width} x {picture.height} "
            f"pixels ({type(error).__name__}: {reason}); it is given a PIL picture, RGB "
            "(numpy.asarray(picture) makes it an array)."
        ) from error
    pixels = pixels_in(given, f"the transform {name}")
    if pixels.ndim == 4 and len(pixels) == 1:
        pixels = pixels[0]
    if pixels.ndim != 3:
        raise PictureError(
            f"the transform {name} gives {tuple(pixels.shape)}; one picture (channel, height, "
            "width) is wanted."
        )
    if not pixels.is_floating_point():
        raise PictureError(
            f"the transform {name} gives {pixels.dtype}; end it with what training used, such as "
            "ToDtype(torch.float32, scale=True) and Normalize(mean, std)."
        )
    return pixels


def name_of(program: Any) -> str:
    """What a program is called: its type, or its own name where it is a function."""
    return getattr(program, "__name__", None) or type(program).__name__


def pixels_in(given: Any, name: str) -> Tensor:
    """The tensor in whatever a program gives: a mapping with pixels, a list of one, an array."""
    if isinstance(given, Mapping):
        key = next((key for key in KEYS if key in given), None)
        if key is None:
            raise PictureError(
                f"{name} gives {', '.join(map(str, given)) or 'nothing'}, and no "
                f"{' or '.join(KEYS[:3])}; give the pixels alone."
            )
        return pixels_in(given[key], name)
    if isinstance(given, list | tuple) and len(given) == 1:
        return pixels_in(given[0], name)
    if isinstance(given, np.ndarray):
        return _from_array(given)
    if isinstance(given, Tensor):
        return given.detach().as_subclass(Tensor)
    if isinstance(given, Image.Image):
        raise PictureError(
            f"{name} gives a PIL picture, not the pixels the model was trained on; end it with "
            "ToTensor() and Normalize(mean, std)."
        )
    several = f"{len(given)} of them" if isinstance(given, list | tuple) else type(given).__name__
    raise PictureError(f"{name} gives no tensor of one picture, but {several}.")


def _from_array(array: NDArray[Any]) -> Tensor:
    """An array as the tensor it means: (height, width, channel) is turned round."""
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if array.ndim == 2:
        return tensor[None]
    if array.ndim == 3 and array.shape[2] <= FEW < min(array.shape[:2]):
        return tensor.permute(2, 0, 1).contiguous()
    return tensor


def _call(program: Any, picture: Image.Image) -> Any:
    program = getattr(program, "image_processor", program)  # of a processor for pictures and text
    libraries = {kind.__module__.split(".")[0] for kind in type(program).__mro__}
    if "transformers" in libraries:
        return program(images=picture, return_tensors="pt")
    if "albumentations" in libraries:
        return program(image=np.array(picture))
    return program(picture)
