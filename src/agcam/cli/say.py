"""How commands speak."""

from __future__ import annotations

import typer

from ..wording import printable


def say(words: object, *, err: bool = False) -> None:
    """Print one line; names in it can neither end the line nor move the terminal's cursor."""
    typer.echo(printable(words), err=err)
