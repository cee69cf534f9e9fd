"""Desk, gate, API and page put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.resources import files
from types import SimpleNamespace

import gradio as gr
from fastapi import FastAPI

from .._version import __version__
from ..values import Classifier
from . import api, pictures, problems
from .desk import Desk
from .gate import Gate
from .guard import Guard, told, visitor_in
from .limits import Limits
from .origin import Origin
from .page import build
from .visits import Budget, Visits

FONTS = ("system-ui", "sans-serif")  # those of the visitor's machine: none is fetched
MONO = ("ui-monospace", "monospace")
SWEEPS = 30  # times that old pictures are looked for within the time that they are kept


def _text_of(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _sweeping(desk: Desk) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Forget old pictures while the server runs, also when nobody asks for anything."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(desk.limits.kept_seconds / SWEEPS)
                desk.store.sweep()

        task = asyncio.create_task(sweep())
        try:
            yield
        finally:
            task.cancel()

    return lifespan


def assemble(
    models: Mapping[str, Classifier], limits: Limits, names: Collection[str] = ()
) -> FastAPI:
    """The whole application."""
    desk, gate = Desk(models, limits), Gate(limits)
    app = FastAPI(
        title="agcam",
        version=__version__,
        description="See what a Vision Transformer looked at, for any class, and prove it.",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        lifespan=_sweeping(desk),
    )
    problems.install(app)
    app.include_router(api.routes(desk, gate))
    app.include_router(pictures.routes(desk, gate))
    app.add_middleware(Guard, seconds=limits.silent_seconds)
    app.add_middleware(Origin, names=names)
    app.add_middleware(Visits, budget=Budget(limits.held_bytes), visitor_of=visitor_in)
    app.state.desk, app.state.gate = desk, gate
    for module in (gr.routes, gr.route_utils):
        module.traceback = SimpleNamespace(print_exc=told)  # else it prints whole tracebacks
    mounted: FastAPI = gr.mount_gradio_app(
        app,
        build(desk, gate),
        path="/",
        footer_links=[],
        run_history=False,  # it would keep pictures in the browser
        allowed_paths=[],
        show_error=False,
        max_file_size=1,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Default(primary_hue="blue", font=FONTS, font_mono=MONO),
        css=_text_of("page.css"),
        head=f"<script>{_text_of('page.js')}</script>",
    )
    return mounted
