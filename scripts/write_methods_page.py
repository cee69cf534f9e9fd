"""Write docs/methods.md from the table of methods (a test holds them together).

python scripts/write_methods_page.py
"""

import inspect
from pathlib import Path

from agcam.methods import METHODS

PAGE = Path(__file__).parent.parent / "docs" / "methods.md"
HEAD = """# Methods

Written by `scripts/write_methods_page.py` from the table; formulas are the functions' own words.

| method | class-specific | evidence | cost beside a plain forward pass |
|---|---|---|---|
"""


def page() -> str:
    rows = [
        f"| [{m.name}](#{m.name}) | {'yes' if m.class_specific else 'no'} | {m.needs.__name__} "
        f"| {m.passes} |\n"
        for m in METHODS.values()
    ]
    texts = [
        f"\n## {m.name}\n\n{inspect.getdoc(m.function)}\n\nSource: {m.cite}.\n"
        for m in METHODS.values()
    ]
    return HEAD + "".join(rows) + "".join(texts) + LEFT_OUT


LEFT_OUT = """
## Left out

**iia** (Barkan et al., Iterated Integrated Attributions, ICCV 2023): its program for a ViT
(github.com/iia-iccv23/iia at c3809e6) takes a whole forward and backward for every pair of a step
between a black picture and this one and a step of the last attention from zero: steps squared, of
every block, for each picture and target. Chunks bound its memory, nothing bounds its passes.

**bicam** is here by its description alone: see there.
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
