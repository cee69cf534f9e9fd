"""`agcam serve`: the web page and the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from .loading import Loading
from .options import takes_groups
from .stopping import advise

if TYPE_CHECKING:
    from ..values import Classifier
    from ..web import Limits


@dataclass(frozen=True)
class Serving:
    """The options of the server itself."""

    panel: ClassVar = "The server"

    host: Annotated[
        str, typer.Option(help="0.0.0.0 lets other machines in; there is no password.")
    ] = "127.0.0.1"
    port: Annotated[int, typer.Option(min=1, max=65535, help="The TCP port.")] = 7860
    max_megabytes: Annotated[int, typer.Option(min=1, help="Largest picture.")] = 20
    memory_megabytes: Annotated[
        int, typer.Option(min=1, help="Pictures and recordings kept for all visitors.")
    ] = 1000
    queue: Annotated[int, typer.Option(min=1, help="Requests that may wait.")] = 250
    public_name: Annotated[
        list[str] | None,
        typer.Option(
            help="A host name by which visitors reach this server through a proxy; may be given "
            "several times."
        ),
    ] = None
    embed: Annotated[
        list[str] | None,
        typer.Option(
            help="An origin whose pages may show this one in a frame, as https://huggingface.co; "
            "visitors must then come by HTTPS. May be given several times."
        ),
    ] = None

    @property
    def limits(self) -> Limits:
        """What the server holds and accepts."""
        from ..web import Limits

        return Limits(
            upload_bytes=self.max_megabytes * 1_000_000,
            kept_bytes=self.memory_megabytes * 1_000_000,
            waiting=self.queue,
        )


@takes_groups
def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model that visitors can choose; may be given several times, the first is the "
            "default. Names as for `agcam explain`; no others are ever loaded."
        ),
    ] = None,
    *,
    serving: Serving,
    loading: Loading,
) -> None:
    """Serve a page where people upload a picture and see what the model looked at.

    The loading options apply to every --model; --arch to those that are files.
    """
    from ..web import application, check_origins, listen, warm

    host, port = serving.host, serving.port
    check_origins(serving.embed or ())
    listener = listen(host, port)  # a port that is taken is reported before models are loaded
    models = _loaded(model or ["demo"], loading)
    app = application(models, serving.limits, serving.public_name or (), serving.embed or ())
    warm(models)
    from ..web.server import serve as serve_  # now: an installation without the extra was refused

    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    typer.echo(f"agcam serves {', '.join(models)} on http://{shown}:{port} (Ctrl+C stops it)")
    advise("uploaded pictures are forgotten; the same command restarts it")
    try:
        serve_(app, listener)
    finally:
        app.state.queue.close()


def _loaded(names: list[str], loading: Loading) -> dict[str, Classifier]:
    """The models by the names that visitors choose; files of one name go by their path."""
    models: dict[str, Classifier] = {}
    for name in names:
        file = loading.arch is not None and Path(name).is_file()
        loaded = (loading if file else replace(loading, arch=None)).load(name)
        key = loaded.name if file else name
        models[name if key in models else key] = loaded
    return models
