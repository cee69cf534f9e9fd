"""Pictures for the tests of the page and the API, as files' bytes."""

import io

import numpy as np
from PIL import Image


def picture(seed, size=(60, 90)):
    noise = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def png(seed, size=(60, 90)):
    return _png(picture(seed, size))


def black(width, height):
    """Few bytes, many pixels."""
    return _png(Image.new("1", (width, height)))


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
