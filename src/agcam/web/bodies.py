"""Bodies of requests: bounded in bytes and time, in memory only, never on a disk."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final, TypeVar

import anyio
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..errors import PictureError
from .context import current_request
from .limits import Limits
from .refusals import TooLargeError, TooSlowError, WrongKindError
from .schemas import ExplainRequest
from .selection import SELECTION, Selection

Model = TypeVar("Model")
SELECTION_BYTES: Final = 64_000
OVERHEAD: Final = 100_000  # bytes of a request that are not its picture


async def body_of(request: Request, most: int, limits: Limits, name: str = "picture") -> bytes:
    """The body of a request, never more than `most` bytes of it, held until the request ends.

    Raises TooLargeError, TooSlowError, and BusyError where all bodies together are too many bytes.
    """
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > most:
        raise TooLargeError(_too_large(most, name))
    parts: list[bytes] = []
    size, context = 0, current_request()
    end = anyio.current_time() + limits.upload_seconds
    stream = request.stream()
    try:
        while True:
            wait = min(limits.silent_seconds, end - anyio.current_time())
            with anyio.fail_after(max(0.0, wait)):
                part = await anext(stream, None)
            if part is None:
                return b"".join(parts)
            size += len(part)
            if size > most:
                raise TooLargeError(_too_large(most, name))
            context.hold(len(part))
            parts.append(part)
    except TimeoutError:
        raise TooSlowError(
            f"the {name} did not arrive: it must be here within {limits.upload_seconds:.0f} "
            f"seconds, with no pause of {limits.silent_seconds:.0f}."
        ) from None
    finally:
        await stream.aclose()


async def explain_request(request: Request, limits: Limits) -> tuple[ExplainRequest, bytes]:
    """What a request to /explain asks, and its picture's bytes."""
    most = limits.upload_bytes
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        body = await body_of(request, most * 4 // 3 + OVERHEAD, limits)
        wanted = _validated(lambda: ExplainRequest.model_validate_json(body))
        try:
            return wanted, base64.b64decode(wanted.picture, validate=True)
        except (binascii.Error, ValueError):
            raise PictureError(
                "picture is not base64; an address or a path is not taken, only the file's bytes"
            ) from None
    if kind == "multipart/form-data":
        form = await _form_of(request, limits)
        try:
            return await _fields_of(form)
        finally:
            await form.close()
    raise WrongKindError("send a form (multipart/form-data) or JSON (application/json).")


async def _form_of(request: Request, limits: Limits) -> FormData:
    most = limits.upload_bytes + OVERHEAD
    body = await body_of(request, most, limits)

    async def chunks() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(request.headers, chunks(), max_files=1, max_fields=200)
    parser.spool_max_size = most  # in memory, whatever its size: never on disk
    try:
        return await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise PictureError(f"the form cannot be read: {error}") from None


async def _fields_of(form: FormData) -> tuple[ExplainRequest, bytes]:
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
    return _validated(lambda: ExplainRequest.model_validate({**fields, "picture": ""})), data


async def selection_of(request: Request, limits: Limits) -> Selection:
    """What a request of the page selects; JSON of a bounded size."""
    body = await body_of(request, SELECTION_BYTES, limits, "request")
    return _validated(lambda: SELECTION.validate_json(body))


def _validated(make: Callable[[], Model]) -> Model:
    try:
        return make()
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False)) from None


def _too_large(most: int, name: str) -> str:
    size = f"{most / 1e6:.0f} MB" if most >= 1e6 else f"{most / 1e3:.0f} kB"
    return f"the {name} is larger than {size}; make it smaller first."
