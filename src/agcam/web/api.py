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

from .. import values
from ..errors import PictureError
from ..explanation import Explanation
from ..maps import png_bytes
from ..methods.costs import cost_of
from .desk import SHOWN_SIDE, Desk
from .gate import Gate, Slices, nothing
from .limits import Limits
from .offered import OFFERED
from .pictures import body_of
from .problems import WrongKindError
from .reading import Question
from .schemas import Answer, Ask, Health, Map, MethodRow, ModelRow, Problem, Said
from .visits import visit_now

SAID: Final = 5
OVERHEAD: Final = 100_000  # bytes of a request that are not its picture
REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    408: {"model": Problem, "description": "The picture did not arrive in time."},
    413: {"model": Problem, "description": "More bytes than the server takes."},
    415: {"model": Problem, "description": "Neither JSON nor a form."},
    422: {"model": Problem, "description": "No picture, no such class, model, method, ..."},
    429: {"model": Problem, "description": "Your own requests first: see `Retry-After`."},
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
        ask, data = await _read(request, desk.limits)
        passes = _cost(desk, gate, ask)
        if "overlay" in ask.draw:  # held until the answer has gone: four bytes a pixel at most
            visit_now().hold(4 * SHOWN_SIDE**2 * max(1, len(ask.classes)))
        return await gate.run(lambda: _answer(desk, ask, data), passes)

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
                picture_passes=cost_of(row).picture,
                class_passes=cost_of(row).target,
                cite=row.cite,
            )
            for row in OFFERED.values()
        ]

    @router.get("/health")
    async def health() -> Health:
        """Say that the server is there; answers also while it is busy."""
        return Health(status="ok", pictures=len(desk.store), bytes=desk.store.nbytes)

    return router


async def _read(request: Request, limits: Limits) -> tuple[Ask, bytes]:
    most = limits.upload_bytes
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        body = await body_of(request, most * 4 // 3 + OVERHEAD, limits)
        ask = _validated(lambda: Ask.model_validate_json(body))
        try:
            return ask, base64.b64decode(ask.picture, validate=True)
        except (binascii.Error, ValueError):
            raise PictureError(
                "picture is not base64; an address or a path is not taken, only the file's bytes"
            ) from None
    if kind == "multipart/form-data":
        return await _read_form(request, limits)
    raise WrongKindError("send a form (multipart/form-data) or JSON (application/json).")


async def _read_form(request: Request, limits: Limits) -> tuple[Ask, bytes]:
    most = limits.upload_bytes
    body = await body_of(request, most + OVERHEAD, limits)

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


def _cost(desk: Desk, gate: Gate, ask: Ask) -> float:
    """Forward passes that the answer takes; raises TooMuchError where they are too many."""
    classes = max(1, len(ask.classes))
    question = Question("", ask.method, prompts=tuple(ask.prompts))
    passes, one = desk.cost(question, classes), desk.cost(question)
    each = max(cost_of(OFFERED[ask.method]).target, 1e-9)
    fit = 1 + int((desk.limits.request_passes - one) / each)
    gate.admit(passes, f"by {ask.method}, ask for {fit} classes at a time" if fit > 0 else "sorry")
    return passes


def _answer(desk: Desk, ask: Ask, data: bytes) -> Slices[Answer]:
    model = ask.model if ask.model is not None else next(iter(desk.models))
    classifier = desk.classifier(model, ask.prompts)
    known = set(classifier.class_names)
    numbered = [_number(item, known) for item in ask.classes]
    target = [numbered] if numbered else None
    explanation = yield from desk.explain_once(data, classifier, target, OFFERED[ask.method])
    return (yield from told(explanation, ask.draw))


def _number(item: int | str, known: set[str]) -> int | str:
    """A form has only words: "285" is a number unless a class is called so."""
    return int(item) if isinstance(item, str) and item.isdecimal() and item not in known else item


def said(explanation: Explanation, count: int = SAID) -> list[Said]:
    """The most probable classes, best first."""
    return [Said(**_fields_of(one)) for one in explanation.top(0, count)]


def _fields_of(answer: values.Answer) -> dict[str, Any]:
    return {
        "target": answer.index,
        "name": answer.name,
        "value": answer.value,
        "probability": answer.probability,
        "score": answer.score,
    }


def told(explanation: Explanation, draw: list[Any]) -> Slices[Answer]:
    """An explanation of one picture as the API gives it; every drawing is a slice."""
    maps = []
    small = explanation.shrunk(SHOWN_SIDE)
    for asked, answer in enumerate(explanation.answers[0]):
        drawn: dict[str, Any] = {}
        if "grid" in draw:
            drawn["grid"] = explanation.grid_map[0, asked].tolist()
        if "overlay" in draw:
            drawn["overlay"] = base64.b64encode(png_bytes(small.overlay(0, asked))).decode()
            yield nothing
        caption = explanation.caption(0, asked)
        maps.append(Map(**_fields_of(answer), caption=caption, **drawn))
    return Answer(said=said(explanation), maps=maps, manifest=explanation.manifest())
