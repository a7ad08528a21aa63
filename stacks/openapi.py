"""Write ``docs/generated/openapi.json``: every operation of the HTTP APIs, from the models of its handler.

Run as ``python -m stacks.openapi``; ``make docs`` does. The page's site serves the same file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from lambdas.catalog.operations import OPERATIONS as CATALOG
from lambdas.common.operations import FORM, JSON, PROBLEM, GatewayMessage, OAuthRefusal, Operation, Problem
from lambdas.ingestion.operations import OPERATIONS as INGESTION
from lambdas.playback.operations import OPERATIONS as PLAYBACK
from stacks.constructs.service_function import REPOSITORY

OPERATIONS: tuple[Operation, ...] = (*CATALOG, *PLAYBACK, *INGESTION)
DOCUMENT = REPOSITORY / "docs" / "generated" / "openapi.json"

_TOO_LARGE = (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG)
"""What the edge and the gateway let through is 10 MB of a body, and 8,192 bytes of an address: the answer is theirs."""
_ANY_TIME = (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
_GATEWAY = (HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS)
_PARAMETER = re.compile(r"\{(\w+)\}")
_ABOUT = (
    "What viewers and studios reach over HTTP, both at the distribution's address. Operations need the ID token "
    "of a signed-in user: of the viewers' pool, and below `/api/ingest` of the studios'. The steering manifest "
    "needs none, and neither do the two with which a television gets tokens, whose errors are as RFC 6749 has them. "
    "Any other error of a function is a problem document (RFC 9457); API Gateway answers 401 and 429 itself, as "
    '`{"message": …}`. What is larger than the '
    "edge or the gateway lets through is answered there, with 413 or 414, and with no document."
)
Model = tuple[type[BaseModel], JsonSchemaMode]
Schemas = Mapping[Any, dict[str, Any]]
"""By `Model`."""


def document() -> dict[str, Any]:
    """Return the description, as OpenAPI 3.1.

    The models of requests are described as they are read, those of answers as they are written: there, a field with a
    default is always present.
    """
    schemas, definitions = models_json_schema(
        sorted(_models(OPERATIONS), key=lambda used: (used[0].__name__, used[1])),
        ref_template="#/components/schemas/{model}",
    )
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _described(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Marquee API", "version": "1", "description": _ABOUT},
        "security": [{"id_token": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": paths,
        "components": {
            "securitySchemes": {"id_token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
            "schemas": definitions["$defs"],
        },
    }


def text() -> str:
    """Return the description as the file has it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the description."""
    DOCUMENT.write_text(text(), encoding="utf-8")


def _models(operations: Iterable[Operation]) -> set[Model]:
    models: set[Model] = {(answer, "serialization") for answer in (Problem, OAuthRefusal, GatewayMessage)}
    for operation in operations:
        if operation.body:
            models.add((operation.body, "validation"))
        if operation.answer:
            models.add((operation.answer, "serialization"))
    return models


def _described(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.handler.rpartition(".")[2],
        "tags": [operation.tag],
        "summary": operation.summary,
        "parameters": [*_in_path(operation), *_in_query(operation.query), *_in_headers(operation)],
        "responses": dict(_answers(operation, schemas)),
    }
    if operation.body:
        content = _content(schemas[operation.body, "validation"], kind=FORM if operation.is_oauth else JSON)
        described["requestBody"] = {"required": True, "content": content}
    if operation.challenge:
        described["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    if operation.is_open:
        described["security"] = []
    return described


def _answers(operation: Operation, schemas: Schemas) -> Iterator[tuple[str, Any]]:
    good: dict[str, Any] = {"description": operation.status.phrase}
    if operation.answer:
        good["content"] = _content(schemas[operation.answer, "serialization"])
    elif operation.media:
        good["content"] = {kind: {} for kind in operation.media}
    yield str(int(operation.status)), good
    # Where no token is asked for, none is missed; what a token endpoint refuses with 401 is the client.
    for status in _GATEWAY[1:] if operation.is_open else _GATEWAY:
        said = _content(schemas[GatewayMessage, "serialization"])
        if status is HTTPStatus.TOO_MANY_REQUESTS:
            # Whoever asks too much of all viewers is stopped by the gateway; a viewer's own limit is counted behind it.
            said |= _content(schemas[Problem, "serialization"], kind=PROBLEM)
        yield str(int(status)), {"description": status.phrase, "content": said}
    for status in _TOO_LARGE:
        yield str(int(status)), {"description": status.phrase}
    for status in (*operation.refusals, *_ANY_TIME):
        problem = (
            _content(schemas[OAuthRefusal, "serialization"])
            if operation.is_oauth
            else _content(schemas[Problem, "serialization"], kind=PROBLEM)
        )
        yield str(int(status)), {"description": status.phrase, "content": problem}


def _content(schema: dict[str, Any], *, kind: str = JSON) -> dict[str, Any]:
    return {kind: {"schema": schema}}


def _in_path(operation: Operation) -> Iterator[dict[str, Any]]:
    for name in _PARAMETER.findall(operation.path):
        choices = operation.choices.get(name)
        schema = {"type": "string", **({"enum": list(choices)} if choices else {})}
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _in_headers(operation: Operation) -> Iterator[dict[str, Any]]:
    for name, description in operation.headers.items():
        yield {"name": name, "in": "header", "description": description, "schema": {"type": "string"}}


def _in_query(query: type[BaseModel] | None) -> Iterator[dict[str, Any]]:
    """Yield one parameter a field. What a field needs to be read stands in its own schema."""
    if query is None:
        return
    schema = query.model_json_schema()
    for name, field in schema.get("properties", {}).items():
        whole = {**field, "$defs": schema["$defs"]} if "$ref" in json.dumps(field) else field
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "schema": _in_address(_inlined(whole)),
        }


def _in_address(schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a parameter may be where it is given at all: an address has no null, and `null` would be a word."""
    if {"type": "null"} not in schema.get("anyOf", ()):
        return schema
    [given] = [one for one in schema["anyOf"] if one != {"type": "null"}]
    return {**given, **{key: value for key, value in schema.items() if key not in {"anyOf", "default"}}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Return `schema` with what it refers to in its place: a parameter's schema has no definitions of its own."""
    definitions = schema.get("$defs", {})

    def resolve(node: Any) -> Any:  # noqa: ANN401 - a JSON value
        if isinstance(node, dict):
            if "$ref" in node:
                return resolve(definitions[node["$ref"].rpartition("/")[2]])
            return {key: resolve(value) for key, value in node.items() if key != "$defs"}
        return [resolve(value) for value in node] if isinstance(node, list) else node

    resolved: dict[str, Any] = resolve(schema)
    return resolved


if __name__ == "__main__":
    main()
