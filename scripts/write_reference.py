"""Write docs/command-line.md and docs/metrics.md from the commands' options and the metrics' table.

python scripts/write_reference.py
"""

import inspect
from pathlib import Path

import typer
from typer.main import get_command

import agcam
from agcam.cli import app

DOCS = Path(__file__).parent.parent / "docs"
WRITTEN = "Written by `scripts/write_reference.py`; a test holds it true."


def pages():
    """The pages' texts by their paths."""
    command = get_command(app)
    shared = ["## Options of several commands", *groups(command)]
    parts = ["# Command line", WRITTEN, *commands("agcam", command), *shared]
    return {
        DOCS / "command-line.md": "\n\n".join(parts) + "\n",
        DOCS / "metrics.md": f"# Metrics\n\n{WRITTEN}\n\n{metrics()}\n",
    }


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
    yield "\n\n".join([f"## {name}", inspect.cleandoc(command.help), "\n".join(own)]).rstrip()


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
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
