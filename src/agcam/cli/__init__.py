"""The command `agcam`. Heavy libraries are imported by the commands that need them."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from .._version import __version__
from ..errors import AgcamError
from .annotate import annotate
from .audit import audit
from .compare import compare
from .evaluate import evaluate
from .explain import explain
from .lists import lists
from .records import report, runs
from .say import say
from .serve import serve
from .stopping import end, install, stopped

__all__ = ["app", "main"]


class _OneLineErrors(TyperGroup):
    """Reports what agcam refuses in one line on stderr, with exit status 1; so a stop, with 130."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BaseException as error:
            status = stopped()
            if status is not None:  # whatever a library made of the exception
                raise typer.Exit(status) from error
            if not isinstance(error, AgcamError):
                raise
            say(f"agcam: {error}", err=True)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_OneLineErrors,
    help="See what a Vision Transformer looked at.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(explain)
app.command()(compare)
app.command()(evaluate)
app.command()(annotate)
app.command()(audit)
app.command()(report)
app.command()(runs)
app.add_typer(lists, name="list")
app.command()(serve)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    del version


def main() -> None:
    """Run the command line."""
    install()
    for stream in (sys.stdout, sys.stderr):  # class names are not ASCII; terminals may be
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        app()
    finally:
        end()
