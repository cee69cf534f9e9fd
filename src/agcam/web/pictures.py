"""The page's own addresses: a picture comes in as bytes, files go out; nothing touches a disk."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Final

import anyio
import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ..errors import PictureError
from ..explanation import Explanation, file_names
from ..maps import heat_map, npy_bytes, png_bytes
from .desk import Desk
from .gate import Gate, Slices, nothing
from .limits import Limits
from .problems import TooLargeError, TooSlowError
from .reading import Question
from .visits import visit_now


async def body_of(request: Request, most: int, limits: Limits) -> bytes:
    """The body of a request, never more than `most` bytes of it, held until the request is over.

    Raises TooLargeError, TooSlowError, and BusyError where all bodies together are too many bytes.
    """
    told = request.headers.get("content-length", "0")
    if told.isdecimal() and int(told) > most:
        raise TooLargeError(_too_large(most))
    parts: list[bytes] = []
    size, visit, end = 0, visit_now(), anyio.current_time() + limits.upload_seconds
    stream = request.stream()
    try:
        while True:
            silent = min(limits.silent_seconds, end - anyio.current_time())
            with anyio.fail_after(max(0.0, silent)):
                part = await anext(stream, None)
            if part is None:
                return b"".join(parts)
            size += len(part)
            if size > most:
                raise TooLargeError(_too_large(most))
            visit.hold(len(part))
            parts.append(part)
    except TimeoutError:
        raise TooSlowError(
            f"the picture did not arrive: it must be here within {limits.upload_seconds:.0f} "
            f"seconds, with no pause of {limits.silent_seconds:.0f}."
        ) from None
    finally:
        await stream.aclose()


def _too_large(most: int) -> str:
    return f"the picture is larger than {most / 1e6:.0f} MB; make it smaller first."


def _overlay(explanation: Explanation, alpha: float) -> bytes:
    return png_bytes(explanation.overlay(alpha=alpha))


def _map_png(explanation: Explanation, _: float) -> bytes:
    return png_bytes(heat_map(explanation.pixel_map[0].normalized()[0]))


def _map_npy(explanation: Explanation, _: float) -> bytes:
    return npy_bytes(np.asarray(explanation.pixel_map[0][0], dtype=np.float32))


def _manifest(explanation: Explanation, _: float) -> bytes:
    return (json.dumps(explanation.manifest(), indent=2, ensure_ascii=False) + "\n").encode()


FILES: Final[dict[str, tuple[str, str, Callable[[Explanation, float], bytes]]]] = {
    "overlay.png": ("heat map over the picture (PNG)", "image/png", _overlay),
    "map.png": ("heat map alone (PNG)", "image/png", _map_png),
    "map.npy": ("its numbers (.npy)", "application/octet-stream", _map_npy),
    "manifest.json": ("how it was made (JSON)", "application/json", _manifest),
}


def _side(explanation: Explanation, pixels: int) -> int:
    """The longer side of the picture when it has at most so many pixels."""
    width, height = explanation.pictures[0].size
    return int(max(width, height) * min(1.0, math.sqrt(pixels / (width * height))))


def routes(desk: Desk, gate: Gate) -> APIRouter:
    """`POST /pictures` and `GET /pictures/KEY/FILE`, both for the visitor who calls."""
    router = APIRouter(include_in_schema=False)
    limits = desk.limits

    @router.post("/pictures")
    async def lay(request: Request, name: str = "picture") -> JSONResponse:
        data = await body_of(request, limits.upload_bytes, limits)
        visitor = request.state.visitor
        key = await gate.call(lambda: desk.lay(visitor, data, name[:200]))
        return JSONResponse({"picture": key})

    @router.get("/pictures/{key}/{file}")
    async def download(
        request: Request,
        key: str,
        file: str,
        model: str,
        method: str,
        target: int,
        prompts: str = "",
        alpha: float = 0.5,
    ) -> Response:
        if file not in FILES:
            raise PictureError(f"there is no {file}; there are {', '.join(FILES)}.")
        _, kind, make = FILES[file]
        place = (request.state.visitor, key)
        question = Question(model, method, target, tuple(prompts.splitlines()))

        def work() -> Slices[tuple[bytes, str]]:
            explanation = desk.explain_whole(place, question)
            stem = file_names([f"{explanation.sources[0]}"])[0]
            if file != "manifest.json":
                explanation = explanation.shrunk(_side(explanation, limits.drawn_pixels))
            yield nothing
            return make(explanation, min(max(alpha, 0.0), 1.0)), stem

        data, stem = await gate.run(work, desk.cost(question))
        ascii_stem = stem.encode("ascii", "replace").decode().replace("?", "_")
        named = f'attachment; filename="{ascii_stem}.{method}-{target}.{file}"'
        return Response(data, media_type=kind, headers={"content-disposition": named})

    return router
