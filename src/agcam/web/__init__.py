"""The web page and the HTTP API: one process, many people, nothing on disk."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from socket import AddressFamily, create_server, gaierror, getaddrinfo, socket
from typing import Any, Final

from ..errors import LoadError
from ..values import Classifier
from .limits import Limits

__all__ = ["Limits", "application", "check_origins", "listen", "warm"]

ORIGIN: Final = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?", re.IGNORECASE)


def application(
    models: Mapping[str, Classifier],
    limits: Limits | None = None,
    names: Collection[str] = (),
    frames: Collection[str] = (),
) -> Any:
    """The page at `/` and the API beside it, as an ASGI application (FastAPI).

    Visitors choose among `models`; the first is the default. `names` are host names under which a
    proxy passes requests on; without them, a connection from this machine must use one of this
    machine's own names. Pages of the origins `frames` may show the page in a frame; the cookie then
    needs HTTPS. Raises LoadError where the extra `agcam[app]` is not installed, and for what is no
    origin.
    """
    check_origins(frames)
    try:
        from .app import assemble
    except ImportError as error:
        raise LoadError(f"{error.name} is not installed; run: pip install 'agcam[app]'") from error
    return assemble(models, limits or Limits(), names, frames)


def check_origins(frames: Collection[str]) -> None:
    """Raise LoadError for what is not the origin of pages that come by HTTPS."""
    for origin in frames:
        if not ORIGIN.fullmatch(origin):
            raise LoadError(f"{origin!r} is not an origin such as https://huggingface.co.")


def listen(host: str, port: int) -> socket:
    """A listening socket; raises LoadError where that address cannot be had."""
    try:
        family = AddressFamily.AF_INET6 if ":" in host else AddressFamily.AF_INET
        getaddrinfo(host, port)  # a name that is none has an error of its own only here
        return create_server((host, port), family=family, backlog=128)
    except gaierror as error:
        raise LoadError(
            f"this machine knows no address {host!r}; try --host 127.0.0.1, or 0.0.0.0, which lets "
            "other machines in."
        ) from error
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise LoadError(f"cannot listen on {host}:{port}: {reason}; try another --port.") from error


def warm(models: Mapping[str, Classifier]) -> None:
    """Survey every model and hash its weights now, so that no visitor has to wait for that.

    Raises ModelError for one that cannot be explained.
    """
    from PIL import Image

    from ..explainer import explain

    for model in models.values():
        prompts = ["a photo"] if model.with_prompts and not model.class_names else None
        explain(model, Image.new("RGB", (64, 64), "grey"), [prompts] if prompts else None)
