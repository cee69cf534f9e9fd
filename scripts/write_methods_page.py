"""Write docs/methods.md and a page a method from the table (a test holds them together).

python scripts/write_methods_page.py

Run it after a row was added or changed; then scripts/draw_methods.py draws what pictures miss.
"""

import importlib
import inspect
import sys
from pathlib import Path

from agcam.methods import METHODS
from agcam.values import Method

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "methods.md"
FOLDER = ROOT / "docs" / "methods"
PICTURES = ROOT / "docs" / "images" / "methods"
HEAD = """# Methods

Written by `scripts/write_methods_page.py` from the table; formulas are the functions' own words.
What a method needs is a value of `agcam.values.needs`. Black-box methods (`BlackBox`) run the model
on pictures of their own and read nothing inside it, so they also explain models that AGCAM refuses
(ResNet, XCiT ...); the random baselines need no more than a grid. Options are given as
`agcam.explain(..., options={"masks": 4000})`; [rules](options.md) of relevance are options too.

| method | class-specific | needs | cost beside a plain forward pass |
|---|---|---|---|
"""


def twins() -> set[str]:
    """Methods written again in tests/reference/slow."""
    sys.path.insert(0, str(ROOT / "tests" / "reference"))
    try:
        return set(importlib.import_module("slow").SLOW)
    finally:
        sys.path.pop(0)


def index() -> str:
    rows = [
        f"| [{m.name}](methods/{m.name}.md) | {_yes(m)} | `{m.needs}` | {m.passes} |\n"
        for m in METHODS.values()
    ]
    return HEAD + "".join(rows) + LEFT_OUT


def page(method: Method, twin: bool) -> str:
    name = method.name
    checks = []
    if twin:
        checks.append("its slow float64 twin, written from the formula, in tests/reference/slow")
    if method.checked:
        checks.append(method.checked)
    checked = (
        "; ".join(checks) or "the laws of tests/laws alone: it has no formula to be written again"
    )
    return f"""# {name}

{inspect.getdoc(method.function)}

![{name}](../images/methods/{name}.jpg)

The demo model on scikit-image's photograph of a coffee, explained for "espresso".

| | |
|---|---|
| class-specific | {_yes(method)} |
| cost beside a plain forward pass | {method.passes} |
| needs | `{method.needs}`: {method.needs.reads} |
| explains | {method.explains} |
| checked against | {checked} |
{options(method)}
Source: {method.cite}.

`agcam explain PICTURE --method {name}`; all [methods](../methods.md).
"""


def options(method: Method) -> str:
    """The table of a method's options, if it has some."""
    rows = [
        f"| `{o.name}` | {o.default if o.default != () else 'none'} | {o.range} | {o.unit} "
        f"| {o.about} |\n"
        for o in method.options
    ]
    head = "\n| option | default | range | unit | what it is |\n|---|---|---|---|---|\n"
    return head + "".join(rows) if rows else ""


def pages() -> dict[Path, str]:
    """Every page, and what it must say."""
    known = twins()
    texts = {FOLDER / f"{m.name}.md": page(m, m.name in known) for m in METHODS.values()}
    return {PAGE: index(), **texts}


def _yes(method: Method) -> str:
    return "yes" if method.class_specific else "no: the same map for every class"


LEFT_OUT = """
## Left out

**iia** (Barkan et al., Iterated Integrated Attributions, ICCV 2023): its program for a ViT
(github.com/iia-iccv23/iia at c3809e6) takes a whole forward and backward for every pair of a step
between a black picture and this one and a step of the last attention from zero: steps squared, of
every block, for each picture and target. Chunks bound its memory, nothing bounds its passes.

**dave** (Wrobel et al., DAVE, ICML 2026): 100 gradients at the pixels of noisy, turned pictures,
about 320 forwards for one class; its noise is to be tuned for each model
([measured](decisions/0040-what-all-classes-and-dave-cost.md)).

**bicam** is here by its description alone: see there.
"""

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    missing = [name for name in METHODS if not (PICTURES / f"{name}.jpg").exists()]
    if missing:
        sys.exit(f"no picture of {', '.join(missing)}: run scripts/draw_methods.py")
