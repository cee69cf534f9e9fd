"""The API as its OpenAPI description has it: a page of the viewer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..viewer import Document, page, table_block

Json = Mapping[str, Any]


def docs_page(api: Json) -> str:
    """All addresses with what they take and answer."""
    blocks = [
        block
        for path, verbs in api["paths"].items()
        for verb, about in verbs.items()
        for block in _address(f"{verb.upper()} {path}", about, api["components"]["schemas"])
    ]
    return page(Document("The API of this server", "Made from /openapi.json.", blocks=blocks), [])


def _address(title: str, about: Json, schemas: Json) -> Iterator[dict[str, Any]]:
    answers = about["responses"]
    refusals = [f"{code}: {one['description']}" for code, one in answers.items() if code != "200"]
    texts = [" ".join(text.split()) for text in about["description"].split("\n\n")]
    yield {"kind": "text", "title": title, "paragraphs": [*texts, *refusals]}
    for what, body in (("request", about.get("requestBody", {})), ("answer", answers["200"])):
        for kind, media in body.get("content", {}).items():
            rows = list(_fields(media["schema"], schemas))
            yield table_block(f"{title}: {what} ({kind})", ["field", "type", "meaning"], rows)


def _fields(schema: Json, schemas: Json) -> Iterator[list[str]]:
    """A row for each field of an object, or of each object in a list."""
    item = schema.get("items", schema)
    found = schemas[item["$ref"].rpartition("/")[2]] if "$ref" in item else item
    for name, field in found.get("properties", {}).items():
        yield [name, _type(field), field.get("description", "")]


def _type(field: Json) -> str:
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "anyOf" in field:
        return " or ".join(map(_type, field["anyOf"]))
    if "items" in field:
        return f"list of {_type(field['items'])}"
    return " or ".join(map(str, field.get("enum", [field.get("format", field.get("type", "any"))])))
