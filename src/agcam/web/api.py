"""The HTTP API: `POST /explain`, `GET /models`, `/methods`, `/health`."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request

from ..explanation import Explanation
from ..maps import png_bytes
from .bodies import explain_request
from .offered import OFFERED
from .schemas import Answer, ExplainRequest, Health, Map, MethodRow, ModelRow, Prediction, Problem
from .uploads import SHOWN_SIDE, Uploads
from .work_queue import Steps, WorkQueue, nothing_to_free

REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    408: {"model": Problem, "description": "The picture did not arrive in time."},
    413: {"model": Problem, "description": "More bytes than the server takes."},
    415: {"model": Problem, "description": "Neither JSON nor a form."},
    422: {"model": Problem, "description": "No picture, no such class, model, method, ..."},
    429: {"model": Problem, "description": "Your own requests first: see `Retry-After`."},
    503: {"model": Problem, "description": "Busy: retry after `Retry-After` seconds."},
}


def _body_schema() -> dict[str, Any]:
    """The body of /explain as JSON, and as a form: there everything is text, but the file."""
    form = ExplainRequest.model_json_schema()
    form["properties"]["picture"] = {"type": "string", "format": "binary"}
    form["properties"]["classes"]["items"] = {"type": "string"}
    form["properties"]["model"] = {"type": "string"}
    form.pop("example")
    content = {"application/json": ExplainRequest.model_json_schema(), "multipart/form-data": form}
    schemas = {kind: {"schema": schema} for kind, schema in content.items()}
    return {"requestBody": {"required": True, "content": schemas}}


def routes(uploads: Uploads, queue: WorkQueue) -> APIRouter:
    """The API over the server's models; the pictures it is sent are not kept."""
    router = APIRouter()

    @router.post("/explain", responses=REFUSALS, openapi_extra=_body_schema())
    async def explain_picture(request: Request) -> Answer:
        """What a model predicts for a picture, and what in it speaks for the classes.

        The picture is a part of a form (`curl -F picture=@cat.jpg -F classes=tabby`) or base64
        within JSON. Never a path or an address: the server opens neither.
        """
        wanted, data = await explain_request(request, uploads.limits)
        passes = _admitted_cost(uploads, queue, wanted)
        if "overlay" in wanted.draw:  # held until the answer is sent: at most four bytes per pixel
            request.state.context.hold(4 * SHOWN_SIDE**2 * max(1, len(wanted.classes)))
        work = partial(_answer, uploads, wanted, data)
        return await queue.run(request.state.context, work, passes)

    @router.get("/models")
    async def models() -> list[ModelRow]:
        """Every model that this server was started with; no others are ever loaded."""
        return [ModelRow.of(name, model) for name, model in uploads.models.items()]

    @router.get("/methods")
    async def methods() -> list[MethodRow]:
        """Every method, with its cost and source."""
        return [MethodRow.of(row) for row in OFFERED.values()]

    @router.get("/health")
    async def health() -> Health:
        """That the server is there; answers also while it is busy."""
        return Health(status="ok", pictures=len(uploads.cache), bytes=uploads.cache.nbytes)

    return router


def _admitted_cost(uploads: Uploads, queue: WorkQueue, wanted: ExplainRequest) -> float:
    """Forward passes that the answer takes; raises TooMuchError where they are too many."""
    passes = uploads.cost(wanted, max(1, len(wanted.classes)))
    room = uploads.limits.request_passes - uploads.cost(wanted)
    each = OFFERED[wanted.method].needs.cost().target * wanted.views
    fit = 1 + int(room / max(each, 1e-9))
    queue.admit(
        passes, f"by {wanted.method}, ask for {fit} classes at a time" if fit > 0 else "sorry"
    )
    return passes


def _answer(uploads: Uploads, wanted: ExplainRequest, data: bytes) -> Steps[Answer]:
    model = wanted.model if wanted.model is not None else next(iter(uploads.models))
    classifier = uploads.classifier(model, wanted.prompts)
    known = set(classifier.class_names)
    numbered = [_number(item, known) for item in wanted.classes]
    target = [numbered] if numbered else None
    explanation = yield from uploads.explain_once(data, classifier, target, wanted)
    return (yield from _described(explanation, wanted.draw))


def _number(item: int | str, known: set[str]) -> int | str:
    """A form has only text: "285" is a number unless a class has that name."""
    return int(item) if isinstance(item, str) and item.isdecimal() and item not in known else item


def _described(explanation: Explanation, draw: list[Any]) -> Steps[Answer]:
    """An explanation of one picture as the API gives it; every drawing is a step."""
    maps = []
    small = explanation.shrunk(SHOWN_SIDE)
    for column, answer in enumerate(explanation.answers[0]):
        made = Prediction.model_validate(answer).model_dump()
        if "grid" in draw:
            made["grid"] = explanation.grid_map[0, column].tolist()
        if "overlay" in draw:
            made["overlay"] = base64.b64encode(png_bytes(small.overlay(0, column))).decode()
            yield nothing_to_free
        maps.append(Map(**made, caption=explanation.caption(0, column)))
    top = [Prediction.model_validate(one) for one in explanation.top(0)]
    return Answer(predictions=top, said=top, maps=maps, manifest=explanation.manifest())
