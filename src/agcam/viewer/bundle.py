"""The viewer's modules as one script, for pages that must hold everything."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

ASSETS: Final = files(__package__).joinpath("assets")
"""The folder of the viewer's modules and style, for a server."""
ENTRY: Final = "start"
_IMPORT: Final = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:function|class|const) (\w+))", re.MULTILINE)
_COMMENT: Final = re.compile(r"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)


@cache
def script() -> str:
    """All modules in one: each is a function of its own, its imports are what others returned."""
    made: dict[str, str] = {}
    _add(ENTRY, made)
    return "".join(made.values())


@cache
def style() -> str:
    """The viewer's style sheet."""
    return ASSETS.joinpath("viewer.css").read_text(encoding="utf-8")


def _add(name: str, made: dict[str, str]) -> None:
    """Put a module behind those that it imports."""
    text = ASSETS.joinpath(f"{name}.js").read_text(encoding="utf-8")
    for _, other in _IMPORT.findall(text):
        if other not in made:
            _add(other, made)
    names = ", ".join(_EXPORT.findall(text))
    text = _EXPORT.sub("", _IMPORT.sub(r"const \1 = $\2;\n", _COMMENT.sub("", text)))
    made[name] = f"const ${name} = (() => {{\n{text.strip()}\nreturn {{ {names} }};\n}})();\n"
