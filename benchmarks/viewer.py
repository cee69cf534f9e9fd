"""How fast the viewer draws: a slider on a 12-megapixel picture, another class, another method.

PYTHONPATH=tests python benchmarks/viewer.py [--steps 120]

Opens a page in Chromium (as installed, no GPU) at 1280 and 390 pixels, moves each control by its
own events once a frame, and prints the processor time of a frame: all that the page's main thread
does (script, layout, paint) and the driver's call of it, median and 95th percentile; and how many
frames a second there were when nobody waits for the driver. Processor time hardly depends on what
else the machine does; frames a second do.
"""

from __future__ import annotations

import argparse
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from agcam.viewer import Card, Document, MapData, MethodData, TargetData, embedded, page
from browser import launched, processor_ms

SIZE = (4000, 3000)
CLASSES = 20

MEASURE = """async ([selector, act, first, steps]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const nodes = [...document.querySelectorAll(selector)];
  const begin = performance.now();
  for (let step = first; step < first + steps; step++) {
    if (act === "press") nodes[step % nodes.length].click();
    else {
      nodes[0].value = String((step % 100) / 100);
      nodes[0].dispatchEvent(new Event("input"));
    }
    await frame();
  }
  return (1000 * steps) / (performance.now() - begin);
}"""

CONTROLS = {
    "opacity": (".agcam-controls .agcam-field input[type=range]", "move"),
    "threshold, with boxes": (".agcam-controls .agcam-field:nth-of-type(3) input", "move"),
    "another class": (".agcam-targets button", "press"),
    "another method": (".agcam-methods input", "press"),
}


def card() -> Card:
    generator = np.random.default_rng(0)
    noise = Image.fromarray(generator.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    large = embedded(noise.resize(SIZE, Image.Resampling.BICUBIC), max(SIZE))
    targets = [TargetData(f"class {n}", n, 1.0, 0.01, "1.0 %", "1.0 %") for n in range(CLASSES)]
    methods = [MethodData(name, True, name) for name in ("agcam", "agcam_spread")]
    maps = [
        MapData(method.name, n, generator.gamma(0.5, size=(14, 14)).astype(np.float32))
        for method in methods
        for n in range(CLASSES)
    ]
    seen = (500.0, 0.0, 3500.0, 3000.0)
    return Card("large.jpg", large, seen, tuple(targets), tuple(methods), tuple(maps))


def _move(opened: Page, selector: str, act: str, first: int, steps: int) -> float:
    """Move a control; returns how many frames a second there were."""
    return float(opened.evaluate(MEASURE, [selector, act, first, steps]))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--steps", type=int, default=120)
    steps = words.parse_args().steps
    made = page(Document("speed", view={"boxes": True}), [card()])
    print("| pixels | what | ms a frame | 95th | frames a second |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        path = Path(folder) / "page.html"
        path.write_text(made, encoding="utf-8")
        for width in (1280, 390):
            opened = browser.new_page(viewport={"width": width, "height": 844})
            opened.goto(path.as_uri())
            opened.wait_for_selector(".agcam-legend:visible")
            for name, (selector, act) in CONTROLS.items():
                move = partial(_move, opened, selector, act)
                rate = move(0, steps)
                spent = [processor_ms(partial(move, step, 1)) for step in range(steps)]
                middle, most = np.percentile(spent, [50, 95])
                print(f"| {width} | {name} | {middle:.1f} | {most:.1f} | {rate:.0f} |", flush=True)
            opened.close()


if __name__ == "__main__":
    main()
