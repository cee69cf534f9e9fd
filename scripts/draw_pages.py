"""Draw the screenshots of README and docs/web.md: docs/images/viewer*.jpg, page.jpg, phone.jpg.

PYTHONPATH=tests python scripts/draw_pages.py      (needs chromium and the demo model)
"""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import skimage.data
from PIL import Image

from browser import launched
from processes import running

IMAGES = Path(__file__).parent.parent / "docs" / "images"
WIDE, PHONE = (1280, 860), (390, 860)
READY = ".agcam-legend:visible"


def shot(browser, address, size, act):
    """A page as it is after some presses."""
    context = browser.new_context(viewport=dict(zip(("width", "height"), size, strict=True)))
    page = context.new_page()
    page.goto(address)
    act(page)
    page.wait_for_selector(READY)
    page.wait_for_timeout(1000)
    with Image.open(io.BytesIO(page.screenshot())) as image:
        made = image.convert("RGB")
    context.close()
    return made


def save(image, name, width):
    small = image.resize((width, round(width * image.height / image.width)), Image.LANCZOS)
    small.save(IMAGES / name, quality=82, optimize=True)


def exported(folder):
    """The page of `explain`: one photograph, five classes, two methods."""
    (folder / "photographs").mkdir()
    Image.fromarray(skimage.data.coffee()).save(folder / "photographs" / "coffee.png")
    command = ["explain", "photographs", "--model", "demo", "--top", "5"]
    subprocess.run([sys.executable, "-m", "agcam", *command], cwd=folder, check=True)
    return (folder / "explained" / "index.html").as_uri()


def two_methods(page):
    page.get_by_label("Two methods").check()


def second_class(page):
    page.locator(".agcam-targets button").nth(1).click()


def give(page):
    page.get_by_role("button", name="coffee").click()
    page.wait_for_selector(READY, timeout=60_000)
    page.get_by_label("agcam_spread – extent: the whole object").check()


def main():
    serve = [sys.executable, "-m", "agcam", "serve", "--model", "demo", "--port", "7999"]
    with (
        tempfile.TemporaryDirectory() as folder,
        running(serve, stdout=subprocess.PIPE, text=True) as server,
        launched() as browser,
    ):
        server.stdout.readline()
        address = exported(Path(folder))
        save(shot(browser, address, WIDE, two_methods), "viewer.jpg", 1100)
        save(shot(browser, address, PHONE, second_class), "viewer-phone.jpg", 390)
        save(shot(browser, "http://127.0.0.1:7999/", WIDE, give), "page.jpg", 1100)
        save(shot(browser, "http://127.0.0.1:7999/", PHONE, give), "phone.jpg", 390)


if __name__ == "__main__":
    main()
