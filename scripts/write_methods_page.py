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
    return HEAD + "".join(rows) + "".join(texts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
