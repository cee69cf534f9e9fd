"""What goes wrong, as HTTP has it: a status, and a sentence that names the fix."""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ..errors import AgcamError, BusyError, VisitorBusyError

STATUS: Final[dict[type[AgcamError], int]] = {
    VisitorBusyError: 429,
    BusyError: 503,
    AgcamError: 422,
}
NOT_FOUND: Final = "there is nothing here; the page is at / and the API at /openapi.json."


def refusal(status: int, text: str) -> JSONResponse:
    """An error as an answer; where the server is busy, with the time after which to try again."""
    headers = {"retry-after": "5"} if status in (429, 503) else {}
    return JSONResponse({"error": text}, status, headers=headers)


def install(app: FastAPI) -> None:
    """Make every error of the application answer {"error": "a sentence"}."""

    @app.exception_handler(AgcamError)
    async def refuse(_: Request, error: AgcamError) -> JSONResponse:
        status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
        return refusal(status, str(error))

    @app.exception_handler(RequestValidationError)
    async def refuse_fields(_: Request, error: RequestValidationError) -> JSONResponse:
        return refusal(422, as_sentence(error.errors()))

    @app.exception_handler(HTTPException)
    async def refuse_address(_: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        text = {404: NOT_FOUND, 405: f"only {headers.get('Allow', 'GET')} is for this address."}
        sentence = text.get(error.status_code, str(error.detail))
        return JSONResponse({"error": sentence}, error.status_code, headers=headers)


def as_sentence(errors: Any) -> str:
    """Pydantic's findings as one line: where, and what."""
    found = [
        f"{'.'.join(str(part) for part in each['loc'] if part != 'body') or 'body'}: {each['msg']}"
        for each in errors
    ]
    return "; ".join(found)[:1000]
