"""Bodies of requests: bounded in bytes, in memory only, never on a disk."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, TypeVar

import anyio
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import Message, Receive, Scope

from ..errors import PictureError
from .limits import Limits
from .schemas import ExplainRequest

Model = TypeVar("Model")
OVERHEAD: Final = 100_000  # bytes of a request to /explain that are not its picture
SELECTION_BYTES: Final = 64_000


class Body:
    """A request's body as it arrives; what has arrived counts as held until the request ends."""

    def __init__(
        self, scope: Scope, receive: Receive, limits: Limits, hold: Callable[[int], None]
    ) -> None:
        headers = Headers(scope=scope)
        length = headers.get("content-length", "0").strip()
        self.is_unread = length not in ("", "0") or "transfer-encoding" in headers
        self._announced, self._arrived = int(length) if length.isdecimal() else 0, 0
        self._receive, self._limits, self._hold = receive, limits, hold
        most = limits.upload_bytes
        text = f"{most / 1e6:.0f} MB"
        self._name, self._most, self._text = {
            "/uploads": ("picture", most, text),
            "/explain": (
                "picture",
                (most * 4 // 3 if _is_json(headers) else most) + OVERHEAD,
                text,
            ),
        }.get(scope["path"], ("request", SELECTION_BYTES, "64 kB"))

    async def receive(self) -> Message:
        """The next message; raises HTTPException and BusyError for what is too much."""
        message = await self._receive()
        if self.is_unread:
            part = len(message.get("body", b""))
            self._arrived += part
            if max(self._announced, self._arrived) > self._most:
                raise HTTPException(
                    413, f"the {self._name} is larger than {self._text}; make it smaller first."
                )
            self._hold(part)
            self.is_unread = message.get("more_body", False)
        return message

    async def drain(self, seconds: float, most: int) -> None:
        """Read what still comes, so that the client reads its answer before the connection ends."""
        with anyio.move_on_after(seconds):
            while self.is_unread and most > 0:
                message = await self._receive()
                most -= len(message.get("body", b""))
                self.is_unread = message.get("more_body", False)


async def explain_request(request: Request, limits: Limits) -> tuple[ExplainRequest, bytes]:
    """What a request to /explain asks, and its picture's bytes."""
    if _is_json(request.headers):
        wanted = validated(ExplainRequest.model_validate_json, await request.body())
        try:
            return wanted, base64.b64decode(wanted.picture, validate=True)
        except (binascii.Error, ValueError):
            raise PictureError(
                "picture is not base64; an address or a path is not taken, only the file's bytes"
            ) from None
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return await _of_form(request, limits)
    raise HTTPException(415, "send a form (multipart/form-data) or JSON (application/json).")


async def _of_form(request: Request, limits: Limits) -> tuple[ExplainRequest, bytes]:
    try:
        parser = MultiPartParser(request.headers, request.stream(), max_files=1, max_fields=200)
        parser.spool_max_size = limits.upload_bytes + OVERHEAD  # in memory, never on disk
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise PictureError(f"the form cannot be read: {error}") from None
    try:
        upload = form.get("picture")
        if not isinstance(upload, UploadFile):
            raise PictureError(
                "the form has no file called picture; a path or an address is not taken"
            )
        lists = {
            name: form.getlist(name) for name in ("classes", "prompts", "draw") if name in form
        }
        made = validated(ExplainRequest.model_validate, {**form, **lists, "picture": ""})
        return made, await upload.read()
    finally:
        await form.close()


def validated(make: Callable[[Any], Model], given: Any) -> Model:
    """A model of what was given; its refusal names the fields that are wrong."""
    try:
        return make(given)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False)) from None


def _is_json(headers: Any) -> bool:
    kind: str = headers.get("content-type", "").split(";")[0].strip().lower()
    return kind == "application/json"
