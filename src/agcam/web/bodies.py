"""Bodies of requests as values: JSON or a form, in memory only, never on a disk."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from ..errors import PictureError
from .context import OVERHEAD, is_json
from .limits import Limits
from .schemas import ExplainRequest

Model = TypeVar("Model")


async def explain_request(request: Request, limits: Limits) -> tuple[ExplainRequest, bytes]:
    """What a request to /explain asks, and its picture's bytes."""
    if is_json(request):
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
