"""The page's own addresses: the page, uploads and their maps as raw numbers, files to download.

What one visitor uploads, only this visitor reaches; nothing touches a disk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib.resources import files
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse

from ..errors import PictureError
from ..explanation import Explanation, card_of, file_names
from ..maps import VIEWS, heat_map, npy_bytes, png_bytes
from ..viewer import SMALL, MapData, MethodData, Picture, card_json, colour_tables
from .bodies import validated
from .docs import docs_page
from .examples import examples
from .offered import OFFERED
from .schemas import Download, ModelRow, Selection
from .uploads import Uploads
from .work_queue import Steps, WorkQueue, nothing_to_free

PROMPTS: Final = (
    "a photo of a person",
    "a photo of an animal",
    "a photo of food",
    "a photo of a place",
)


FILES: Final[dict[str, tuple[str, str, Callable[[Explanation, float], bytes]]]] = {
    "overlay.png": (
        "heat map over the picture (PNG)",
        "image/png",
        lambda made, alpha: png_bytes(made.overlay(alpha=alpha)),
    ),
    "map.png": (
        "heat map alone (PNG)",
        "image/png",
        lambda made, _: png_bytes(heat_map(made.normalized())),
    ),
    "map.npy": (
        "its numbers (.npy)",
        "application/octet-stream",
        lambda made, _: npy_bytes(np.asarray(made.pixel_map[0][0], dtype=np.float32)),
    ),
    "manifest.json": (
        "how it was made (JSON)",
        "application/json",
        lambda made, _: json.dumps(made.manifest(), indent=2, ensure_ascii=False).encode() + b"\n",
    ),
}


def routes(uploads: Uploads, queue: WorkQueue) -> APIRouter:
    """Everything that the page in a browser asks for, beside its static files."""
    router = APIRouter(include_in_schema=False)
    _page_routes(router, uploads)
    _upload_routes(router, uploads, queue)
    _file_routes(router, uploads, queue)
    return router


def _page_routes(router: APIRouter, uploads: Uploads) -> None:
    static = files(__package__).joinpath("static")
    html = static.joinpath("index.html").read_text(encoding="utf-8")
    names = list(examples())  # now: the libraries that have them take seconds to import

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page() -> HTMLResponse:
        return HTMLResponse(html)

    @router.get("/docs")
    async def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(docs_page(request.app.openapi()))

    @router.get("/settings")
    async def settings() -> dict[str, Any]:
        """What the page must know before the first picture."""
        return {
            "models": [ModelRow.of(name, model) for name, model in uploads.models.items()],
            "methods": [
                {**card_json(MethodData.of(row)), "parts": row.name == "agcam"}
                for row in OFFERED.values()
            ],
            "files": {name: text for name, (text, _, _) in FILES.items()},
            "examples": names,
            "megabytes": uploads.limits.upload_bytes // 1_000_000,
            "minutes": round(uploads.limits.kept_seconds / 60),
            "prompts": PROMPTS,
            "colormaps": colour_tables(),
            "views": list(VIEWS),
        }

    @router.get("/classes")
    async def classes(model: str) -> list[str]:
        """A model's class names, for the search."""
        return [name.split(",")[0] for name in uploads.model(model).class_names]

    @router.get("/examples/{name}")
    async def example(name: str) -> Response:
        if name not in names:
            raise PictureError("there is no such example.")
        return Response(examples()[name], media_type=f"image/{SMALL}")


def _upload_routes(router: APIRouter, uploads: Uploads, queue: WorkQueue) -> None:
    @router.post("/uploads")
    async def upload(request: Request, name: str = "picture") -> dict[str, str]:
        data, visitor = await request.body(), request.state.visitor

        def work() -> Steps[str]:
            yield nothing_to_free
            return uploads.add(visitor, data, name[:200])

        return {"upload": await queue.run(request.state.context, work)}

    @router.post("/uploads/{key}/{view}")
    async def see(request: Request, key: str, view: Literal["card", "map", "parts"]) -> Response:
        """The picture with its first maps, the map of one class, or its blocks and heads."""
        selection = validated(Selection.model_validate_json, await request.body())
        owned, first = (request.state.visitor, key), view == "card" and selection.target is None
        count = uploads.first_classes(selection) if first else 1
        methods = uploads.shown_first(selection.method) if view == "card" else ()

        def work() -> Steps[dict[str, Any]]:
            yield nothing_to_free
            if view == "parts":
                return card_json(MapData("agcam", *uploads.heads(owned, selection)))
            explanation = uploads.explain(owned, selection, count, methods)
            return card_json(card_of(explanation)) if view == "card" else _map_of(explanation)

        cost = uploads.cost(selection, count * max(1, len(methods)))
        return JSONResponse(await queue.run(request.state.context, work, cost))


def _file_routes(router: APIRouter, uploads: Uploads, queue: WorkQueue) -> None:
    limits = uploads.limits

    @router.get("/uploads/{key}/{file}")
    async def download(
        request: Request, key: str, file: str, wanted: Annotated[Download, Query()]
    ) -> Response:
        if file not in FILES:
            raise PictureError(f"there is no {file}; there are {', '.join(FILES)}.")
        owned = (request.state.visitor, key)

        def work() -> Steps[tuple[bytes, str]]:
            explanation = uploads.explain_original(owned, wanted)
            stem = file_names([f"{explanation.sources[0]}"])[0]
            if file != "manifest.json":
                explanation = explanation.shrunk(_side(explanation, limits.drawn_pixels))
            yield nothing_to_free
            return FILES[file][2](explanation, wanted.alpha), stem

        data, stem = await queue.run(request.state.context, work, uploads.cost(wanted))
        name = quote(f"{stem}.{wanted.method}-{wanted.target}.{file}")
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(data, media_type=FILES[file][1], headers=headers)


def _map_of(explanation: Explanation) -> dict[str, Any]:
    """A card's one map, with its target in place of the target's place in the card."""
    width, height = explanation.pictures[0].size
    card = card_json(card_of(explanation, shown=Picture("", width, height)))
    (made,) = card["maps"]
    return {**made, "target": card["targets"][made["target"]] if "target" in made else None}


def _side(explanation: Explanation, pixels: int) -> int:
    """The longer side of the picture when it has at most so many pixels."""
    width, height = explanation.pictures[0].size
    return int(max(width, height) * min(1.0, math.sqrt(pixels / (width * height))))
