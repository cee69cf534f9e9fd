"""The HTTP API: `POST /explain`, `GET /models`, `/methods`, `/health`."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..errors import PictureError
from ..explainer import explain
from ..explanation import Explanation
from ..maps import png_bytes
from .desk import Desk
from .gate import Gate
from .offered import OFFERED
from .pictures import body_of
from .problems import WrongKindError
from .schemas import Answer, Ask, Health, Map, MethodRow, ModelRow, Problem, Said

SAID: Final = 5
OVERHEAD: Final = 100_000  # bytes of a request that are not its picture
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    408: {"model": Problem, "description": "The picture did not arrive in time."},
    413: {"model": Problem, "description": "More bytes than the server takes."},
    415: {"model": Problem, "description": "Neither JSON nor a form."},
    422: {"model": Problem, "description": "No picture, no such class, model, method, ..."},
    503: {"model": Problem, "description": "Busy: try again after `Retry-After` seconds."},
}
FORM: Final = {
    "type": "object",
    "required": ["picture"],
    "properties": {
        "picture": {"type": "string", "format": "binary"},
        "classes": {"type": "array", "items": {"type": "string"}, "maxItems": 32},
        "model": {"type": "string"},
        "method": {"type": "string", "default": "agcam"},
        "prompts": {"type": "array", "items": {"type": "string"}, "maxItems": 64},
        "draw": {
            "type": "array",
            "items": {"type": "string", "enum": ["grid", "overlay"]},
            "maxItems": 2,
        },
    },
}
BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": Ask.model_json_schema()},
            "multipart/form-data": {"schema": FORM},
        },
    }
}


def routes(desk: Desk, gate: Gate) -> APIRouter:
    """The API over the models of a desk; its pictures are not kept there."""
    router = APIRouter()

    @router.post("/explain", responses=REFUSALS, openapi_extra=BODY)
    async def explain_picture(request: Request) -> Answer:
        """Say what a model saw in a picture, and where it saw the classes asked about.

        The picture is a part of a form (`curl -F picture=@cat.jpg -F classes=tabby`) or base64
        within JSON. Never a path or an address: the server opens neither.
        """
        most = desk.limits.upload_bytes
        with gate.place():
            ask, data = await _read(request, most, desk.limits.upload_seconds)
            return await gate.work(lambda: _answer(desk, ask, data))

    @router.get("/models")
    async def models() -> list[ModelRow]:
        """Every model that this server was started with; no others are ever loaded."""
        return [
            ModelRow(
                name=name,
                family=model.family,
                classes=len(model.class_names) or None,
                prompts=model.with_prompts is not None,
                notes=list(model.notes),
            )
            for name, model in desk.models.items()
        ]

    @router.get("/methods")
    async def methods() -> list[MethodRow]:
        """Every method, with its cost and source."""
        return [
            MethodRow(
                name=row.name,
                class_specific=row.class_specific,
                passes=row.passes,
                cite=row.cite,
            )
            for row in OFFERED.values()
        ]

    @router.get("/health")
    async def health() -> Health:
        """Say that the server is there; answers also while it is busy."""
        return Health(status="ok", pictures=len(desk.store), bytes=desk.store.nbytes)

    return router


async def _read(request: Request, most: int, seconds: float) -> tuple[Ask, bytes]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        body = await body_of(request, most * 4 // 3 + OVERHEAD, seconds)
        ask = _validated(lambda: Ask.model_validate_json(body))
        try:
            return ask, base64.b64decode(ask.picture, validate=True)
        except (binascii.Error, ValueError):
            raise PictureError(
                "picture is not base64; an address or a path is not taken, only the file's bytes"
            ) from None
    if kind == "multipart/form-data":
        return await _read_form(request, most, seconds)
    raise WrongKindError("send a form (multipart/form-data) or JSON (application/json).")


async def _read_form(request: Request, most: int, seconds: float) -> tuple[Ask, bytes]:
    body = await body_of(request, most + OVERHEAD, seconds)

    async def once() -> Any:
        yield body

    parser = MultiPartParser(request.headers, once(), max_files=1, max_fields=200)
    parser.spool_max_size = most + OVERHEAD  # in memory, whatever its size: never on disk
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise PictureError(f"the form cannot be read: {error}") from None
    try:
        return await _fields(form)
    finally:
        await form.close()


async def _fields(form: FormData) -> tuple[Ask, bytes]:
    upload = form.get("picture")
    if not isinstance(upload, UploadFile):
        raise PictureError("the form has no file called picture; a path or an address is not taken")
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in ("classes", "prompts", "draw"):
            fields.setdefault(name, []).append(value)
        elif name != "picture":
            fields[name] = value
    data = await upload.read()
    return _validated(lambda: Ask.model_validate({**fields, "picture": ""})), data


def _validated(make: Any) -> Ask:
    try:
        ask: Ask = make()
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False)) from None
    return ask


def _answer(desk: Desk, ask: Ask, data: bytes) -> Answer:
    model = ask.model if ask.model is not None else next(iter(desk.models))
    _ = OFFERED[ask.method]
    classifier = desk.classifier(model, ask.prompts)
    known = set(classifier.class_names)
    picture = desk.open(data)
    numbered = [_number(item, known) for item in ask.classes]
    target = [numbered] if numbered else None
    return told(explain(classifier, [picture], target, ask.method), ask.draw)


def _number(item: int | str, known: set[str]) -> int | str:
    """A form has only words: "285" is a number unless a class is called so."""
    return int(item) if isinstance(item, str) and item.isdecimal() and item not in known else item


def said(explanation: Explanation, count: int = SAID) -> list[Said]:
    """The most probable classes, best first."""
    row = explanation.probabilities[0]
    top = row.topk(min(count, len(row)))
    return [
        Said(target=index, name=explanation.name_of(index), probability=value)
        for index, value in zip(top.indices.tolist(), top.values.tolist(), strict=True)
    ]


def told(explanation: Explanation, draw: list[Any]) -> Answer:
    """An explanation of one picture as the API gives it."""
    maps = []
    for asked, index in enumerate(explanation.target[0].tolist()):
        drawn: dict[str, Any] = {}
        if "grid" in draw:
            drawn["grid"] = explanation.grid_map[0, asked].tolist()
        if "overlay" in draw:
            overlay = png_bytes(explanation.overlay(0, asked))
            drawn["overlay"] = base64.b64encode(overlay).decode()
        name, value = explanation.name_of(index), float(explanation.probabilities[0, index])
        maps.append(Map(target=index, name=name, probability=value, **drawn))
    return Answer(said=said(explanation), maps=maps, manifest=explanation.manifest())
