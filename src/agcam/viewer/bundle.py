"""The viewer's modules as one script, for pages that must hold everything."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

ASSETS: Final = files(__package__).joinpath("assets")
"""The folder of the viewer's modules and style, for a server."""
LAYOUTS: Final = {"viewer": ("sortable", "page"), "audit": ("sortable", "audit", "page")}
"""The modules of a page of each layout; those that others import come with them."""
_IMPORT: Final = re.compile(r'^import (\{[^}]*\}) from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_EXPORTS: Final = re.compile(r"\bexport ?\{([^}]*)\};?")  # of a minified library
_COMMENT: Final = re.compile(
    r"^[ \t]*(?://.*|/\*\*(?!\s*\* @license)(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE
)


@cache
def script(layout: str = "viewer") -> str:
    """All modules in one: each is a function of its own, its imports are what others returned."""
    made: dict[str, str] = {}
    for name in LAYOUTS[layout]:
        _add(name, made)
    return "".join(made.values())


@cache
def style(layout: str = "viewer") -> str:
    """The viewer's style, as one sheet."""
    sheets = ("viewer.css", "audit.css") if layout == "audit" else ("viewer.css",)
    return "".join(ASSETS.joinpath(sheet).read_text(encoding="utf-8") for sheet in sheets)


def _add(name: str, made: dict[str, str]) -> None:
    """Put a module behind those that it imports."""
    text = ASSETS.joinpath(f"{name}.js").read_text(encoding="utf-8")
    for _, other in _IMPORT.findall(text):
        if other not in made:
            _add(other, made)
    names = ", ".join(_EXPORT.findall(text))
    for listed in _EXPORTS.findall(text):
        names = re.sub(r"(\w+) as ([$\w]+)", r"\2: \1", listed)
    text = _IMPORT.sub(_as_constants, _EXPORT.sub("", _EXPORTS.sub("", _COMMENT.sub("", text))))
    made[name] = f"const ${name} = (() => {{\n{text.strip()}\nreturn {{ {names} }};\n}})();\n"


def _as_constants(found: re.Match[str]) -> str:
    return f"const {found[1].replace(' as ', ': ')} = ${found[2]};\n"
