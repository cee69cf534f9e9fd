"""Uploads, work queue, API and page put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.resources import files
from typing import Final

import anyio
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from .._version import __version__
from ..images import refuse_moving
from ..values import Classifier
from ..viewer import ASSETS
from . import api, page, refusals
from .limits import Limits
from .middleware import Middleware
from .security import Security
from .uploads import Uploads
from .work_queue import WorkQueue

SWEEPS: Final = 30  # times that old uploads are looked for within the time that they are kept


def assemble(
    models: Mapping[str, Classifier],
    limits: Limits,
    names: Collection[str] = (),
    frames: Collection[str] = (),
) -> FastAPI:
    """The whole application."""
    for classifier in models.values():
        refuse_moving(
            classifier,
            "visitors upload still pictures",
            "agcam explain {file} --model ... writes a page of its own",
        )
    uploads, queue = Uploads(models, limits), WorkQueue(limits)
    app = FastAPI(
        title="agcam",
        version=__version__,
        description="See what a Vision Transformer looked at, for any class, and prove it.",
        docs_url=None,  # FastAPI's pages load scripts from elsewhere: /docs is ours
        redoc_url=None,
        lifespan=partial(_sweeping, uploads),
    )
    refusals.install(app)
    app.include_router(api.routes(uploads, queue))
    app.include_router(page.routes(uploads, queue))
    for path, folder in (("/static/viewer", ASSETS), ("/static", files(__package__) / "static")):
        app.mount(path, StaticFiles(directory=str(folder)))
    app.add_middleware(Middleware, limits=limits, security=Security(names, frames))
    app.state.uploads, app.state.queue = uploads, queue
    return app


@asynccontextmanager
async def _sweeping(uploads: Uploads, _: FastAPI) -> AsyncIterator[None]:
    """Drop old uploads while the server runs, also when there are no requests."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_sweep, uploads)
        yield
        tasks.cancel_scope.cancel()


async def _sweep(uploads: Uploads) -> None:
    while True:
        await anyio.sleep(uploads.limits.kept_seconds / SWEEPS)
        uploads.cache.sweep()
