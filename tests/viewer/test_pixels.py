"""The canvas shows what maps.render draws: the same pixels, in a real browser."""

import io

import numpy as np
import pytest
from PIL import Image

from agcam.maps import heat_map, overlay, to_pixels
from agcam.values import Frame
from agcam.viewer import (
    Card,
    Document,
    MapData,
    MethodData,
    Picture,
    TargetData,
    data_address,
    page,
)

SIZE = (150, 100)
WHOLE = (0.0, 0.0, 150.0, 100.0)
CROPPED = (25.0, 0.0, 125.0, 100.0)
ODD = (12.4, -7.5, 131.7, 103.2)
PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"


def picture():
    noise = np.random.default_rng(0).integers(0, 256, (10, 15, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(SIZE, Image.Resampling.BICUBIC)


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return data_address(buffer.getvalue(), "png")


def card(window, grid, image=None):
    image = image or picture()
    target = TargetData("cat", 3, 2.0, 0.5, "50.0 %", "50.0 %")
    return Card(
        "cat.png",
        Picture(png(image), *image.size),
        window,
        (target,),
        (MethodData("agcam", class_specific=True),),
        (MapData("agcam", 0, grid),),
    )


def canvas(page, number=0):
    page.wait_for_selector(".agcam-legend:visible")
    data = page.locator(".agcam-pane canvas").nth(number).evaluate(PIXELS)
    return np.array(data, np.uint8).reshape(SIZE[1], SIZE[0], 4)[..., :3].astype(int)


@pytest.mark.parametrize("window", [WHOLE, CROPPED, ODD], ids=["whole", "cropped", "odd"])
@pytest.mark.parametrize(("colormap", "alpha"), [("turbo", 0.5), ("viridis", 0.3), ("gray", 1.0)])
def test_overlay_and_map_are_those_of_python(visit, window, colormap, alpha):
    grid = np.random.default_rng(1).normal(size=(14, 14)).astype(np.float32)
    view = {"colormap": colormap, "opacity": alpha}
    opened = visit(page(Document("cats", view=view), [card(window, grid)]))
    values = to_pixels(grid[None], Frame(*SIZE, window)).normalized()[0]
    ours = np.asarray(overlay(picture(), values, alpha, colormap), int)
    assert np.abs(canvas(opened) - ours).max() <= 1
    opened.get_by_label("Map", exact=True).check()
    opened.wait_for_timeout(100)
    assert np.abs(canvas(opened) - np.asarray(heat_map(values, colormap), int)).max() <= 1
