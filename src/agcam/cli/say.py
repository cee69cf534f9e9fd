"""One line of output."""

from __future__ import annotations

import typer

from ..wording import printable


def say(text: object, *, err: bool = False) -> None:
    """Print one line; names in it can neither end the line nor move the terminal's cursor."""
    typer.echo(printable(text), err=err)
