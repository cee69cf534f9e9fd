"""`agcam serve`: the web page and the HTTP API."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from .loading import Loading
from .options import takes_groups
from .stopping import advise

HOST: Final = "127.0.0.1"
PORT: Final = 7860


@takes_groups
def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model that visitors can choose; may be given several times, the first is the "
            "default. Names as for `agcam explain`; no others are ever loaded."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="0.0.0.0 lets other machines in; there is no password.")
    ] = HOST,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The TCP port.")] = PORT,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Largest picture.")] = 20,
    memory_megabytes: Annotated[
        int, typer.Option(min=1, help="Pictures and recordings kept for all visitors.")
    ] = 1000,
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait.")] = 250,
    public_name: Annotated[
        list[str] | None,
        typer.Option(
            help="A host name by which visitors reach this server through a proxy; may be given "
            "several times."
        ),
    ] = None,
    *,
    loading: Loading,
) -> None:
    """Serve a page where people upload a picture and see what the model looked at.

    The loading options apply to every --model; --arch to those that are files.
    """
    from dataclasses import replace
    from pathlib import Path

    from ..web import Limits, application, listen, warm
    from ..web import serve as serve_

    listener = listen(host, port)  # a port that is taken is reported before models are loaded
    models = {}
    for name in model or ["demo"]:
        file = loading.arch is not None and Path(name).is_file()
        loaded = (loading if file else replace(loading, arch=None)).load(name)
        key = loaded.name if file else name
        models[name if key in models else key] = loaded  # files of one name go by their path
    limits = Limits(
        upload_bytes=max_megabytes * 1_000_000,
        kept_bytes=memory_megabytes * 1_000_000,
        waiting=queue,
    )
    app = application(models, limits, public_name or ())
    warm(models)
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    typer.echo(f"agcam serves {', '.join(models)} on http://{shown}:{port} (Ctrl+C stops it)")
    advise("uploaded pictures are forgotten; the same command starts it again")
    try:
        serve_(app, listener)
    finally:
        app.state.queue.close()
