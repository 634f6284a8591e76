"""The OpenAPI description, with what is refused as truthfully as what is answered.

What stands before the routes and what they have in common is known here and not at each of them.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

_WITH_KEY: Final = ("/v1/", "/metrics")
_REASONS: Final = {
    400: "something about the request cannot be used; `param` names it where it has a name",
    401: "no key was given, or one that is none, has ended or was revoked",
    403: "the key lacks a scope or may learn no more, or this name or page may not ask the service",
    404: "no such model, session or path, or nothing of this was learnt with this key",
    408: "the body did not come in time",
    413: "the body or the text is too large",
    429: "too much is asked, by this key or by all; `retry_after_ms` says when to try again",
    431: "the head is too large",
    500: "a mistake of the service",
    503: "the model, or the store, does not answer now; try again soon",
    502: "what makes vectors of texts does not answer",
    507: "the disk takes no more; nothing that was kept is lost",
}
_TOO_MUCH: Final = 429
_ALWAYS: Final = (400, 403, 431, 500)
_KEYED: Final = (401, 429)
_WITH_BODY: Final = (404, 408, 413, 503)
_OF_STORE: Final = ("/v1/learn", "/v1/forget", "/v1/export", "/v1/search")
_RETRY: Final = {
    "Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}
}
_ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "type", "param"],
            "properties": {
                "code": {"type": "string", "description": "stable, for programs"},
                "message": {"type": "string", "description": "the value, the limit, the remedy"},
                "type": {"type": "string", "description": "as OpenAI's clients know it"},
                "param": {"type": ["string", "null"], "description": "the field that is wrong"},
                "retry_after_ms": {"type": "integer", "minimum": 0},
            },
        }
    },
}


def describe(app: FastAPI) -> None:
    """Have an app describe itself so."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes
            )
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            schemas["Error"] = _ERROR
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            for path, operations in document["paths"].items():
                for operation in operations.values():
                    _complete(operation, path)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # how FastAPI has it changed


def _complete(operation: dict[str, Any], path: str) -> None:
    """Add to one operation what it may be refused for."""
    answers = operation["responses"]
    answers.pop("422", None)  # it is 400 here
    statuses = [*_ALWAYS]
    if path.startswith(_WITH_KEY):
        statuses += _KEYED
        operation["security"] = [{"key": []}, {}]
    if "requestBody" in operation:
        statuses += _WITH_BODY
    if path.startswith(_OF_STORE):
        statuses += (404, 413, 502, 503, 507)
    for status in sorted(set(statuses)):
        answers.setdefault(str(status), _refusal(status))


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    found: dict[str, Any] = {
        "description": _REASONS[status],
        "content": {"application/json": {"schema": schema}},
    }
    if status == _TOO_MUCH:
        found["headers"] = _RETRY
    return found
