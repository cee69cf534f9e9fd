"""Write docs/reference.md: every public name of Python and every command, from their own words.

python scripts/write_reference.py
"""

import inspect
import re
from pathlib import Path

import typer
from typer.main import get_command

import agcam
from agcam.cli import app

PAGE = Path(__file__).parent.parent / "docs" / "reference.md"
HEAD = """# Reference

Written by `scripts/write_reference.py` from the docstrings and the options; a test holds it true.
[How to](how-to.md) shows what they are for.
"""


def page():
    """The text of the page."""
    functions, classes, errors, tables = [], [], [], []
    for name in agcam.__all__:
        value = getattr(agcam, name)
        if inspect.isclass(value):
            (errors if issubclass(value, Exception) else classes).append(of_class(name, value))
        elif callable(value):
            functions.append(of_function(f"agcam.{name}", value))
        elif not isinstance(value, str):
            first = inspect.getdoc(type(value)).splitlines()[0]
            tables.append(f"- `agcam.{name}`, a table of {len(value)} {value.noun}s. {first}")
    parts = {
        "Functions": functions,
        "Classes": classes,
        "Tables": ["\n".join(tables)],
        "Metrics": [metrics()],
        "Errors": ["\n\n".join(errors)],
        "Commands": list(commands("agcam", get_command(app))),
        "Options of several commands": list(groups(get_command(app))),
    }
    texts = [f"## {title}\n\n" + "\n\n".join(texts) for title, texts in parts.items()]
    return "\n\n".join([HEAD.strip(), *texts]) + "\n"


def of_function(name, function):
    return f"### {name}\n\n{code(signature(name, function))}\n\n{words(inspect.getdoc(function))}"


def of_class(name, value):
    doc = words(inspect.getdoc(value))
    if issubclass(value, Exception):
        return f"- `agcam.{name}`: {doc.splitlines()[0]}"
    made = [f"### agcam.{name}", doc]
    for method, found in vars(value).items():
        function = getattr(found, "fget", None) or inspect.unwrap(getattr(found, "func", found))
        if method.startswith("_") or not inspect.isfunction(function):
            continue
        call = signature(f"{name}.{method}", function)
        if hasattr(found, "func") or hasattr(found, "fget"):  # a property
            call = f"{name}.{method}"
        made.append(f"{code(call)}\n\n{words(inspect.getdoc(function))}")
    return "\n\n".join(made)


def metrics():
    """The table of metrics, as its rows describe themselves."""
    lines = [
        "| metric | better | range | what it measures | on nothing | source |",
        "|---|---|---|---|---|---|",
    ]
    for row in agcam.METRICS.values():
        low, high = (f"{bound:g}" for bound in row.bounds)
        cells = (row.sentence.rstrip("."), row.on_empty, row.cite)
        lines.append(f"| `{row.name}` | {row.better} | {low} to {high} | {' | '.join(cells)} |")
    return "\n".join(lines)


def signature(name, function):
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name != "self":
            plain = parameter.replace(annotation=parameter.empty)
            parameters.append(str(plain).replace(" = ", "=").replace("mappingproxy({})", "{}"))
        keyword = parameter.kind is parameter.KEYWORD_ONLY
        if keyword and "*" not in parameters and not any(p.startswith("*") for p in parameters):
            parameters.insert(-1, "*")
    text = f"{name}({', '.join(parameters)})"
    broken = ",\n    ".join(parameters)
    return text if len(text) < 96 else f"{name}(\n    {broken},\n)"


def code(text):
    return f"```python\n{text}\n```"


def words(doc):
    """A docstring as Markdown: sections with a list of their entries."""
    lines = []
    for line in doc.splitlines():
        section = re.fullmatch(r"(Args|Attributes|Returns|Yields|Raises):", line)
        entry = re.match(r"    (\*{0,2}\w+): (.*)", line)
        if section:
            lines += [f"**{section[1]}**", ""]
        elif entry and lines:
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        else:
            lines.append(f"  {line.strip()}" if line.startswith("        ") else line.strip())
    return "\n".join(lines)


def commands(name, command):
    """A section for each command that does something."""
    inner = getattr(command, "commands", {})
    for part, one in inner.items():
        yield from commands(f"{name} {part}", one)
    if inner:
        return
    groups = {panel(parameter): None for parameter in command.params}
    own = [option(parameter) for parameter in command.params if not panel(parameter)]
    own += [f"- the options of *{group}*, below" for group in groups if group]
    yield "\n\n".join([f"### {name}", inspect.cleandoc(command.help), "\n".join(own)]).rstrip()


def groups(command):
    """A section for each group of options that commands share."""
    found = {}
    for one in command.commands.values():
        for parameter in getattr(one, "params", ()):
            if panel(parameter):
                found.setdefault(panel(parameter), {})[parameter.name] = option(parameter)
    for group, rows in found.items():
        yield f"### {group}\n\n" + "\n".join(rows.values())


def panel(parameter):
    return getattr(parameter, "rich_help_panel", None)


def option(parameter):
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if isinstance(parameter, typer.core.TyperArgument):
        names = f"`{parameter.metavar or parameter.name.upper()}`"
    text, default = parameter.help or "", parameter.default
    if default not in (None, False, "", [], ()):
        text = f"{text.removesuffix('.')} (default: {default})."
    return f"- {names}: {text}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
