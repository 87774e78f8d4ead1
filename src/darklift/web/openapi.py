"""The description of the HTTP API (OpenAPI 3.1), made of what the endpoints go by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from darklift import __version__
from darklift.web.fields import FIELDS, Field
from darklift.web.problems import PROBLEMS

__all__ = ["description"]

_ALWAYS = ("no-token", "origin-refused", "internal")
_UPLOAD = ("bad-request", "slow-upload", "too-long", "not-a-picture", "client-busy", "busy", "stopping")
_COMPUTE = ("too-many-pixels", "wrong-choice", "unreadable", "out-of-memory", "timeout")
_LOOK = ("not-found", *_COMPUTE, "client-busy", "busy", "stopping")
_BINARY = {"type": "string", "contentMediaType": "application/octet-stream"}
_DRAWING: dict[str, Field] = {
    "side": Field(int, {"type": "integer", "minimum": 1}, "At most so many pixels along the longer side."),
    "as": Field(str, {"type": "string", "enum": ["png", "jpg"], "default": "png"}, "What it is drawn as; always sRGB."),
}
_HELD = {
    "photo": Field(str, {"type": "string"}, "The id of a photo that is held, in the place of one that comes along.")
}
_TOLD = {
    "Model": "Its name.",
    "Steps": "Steps that it took.",
    "Share": "How much of what it made is in the result, 0 to 1.",
    "Seconds": "Of computing.",
    "Unchanged": "true where the result is the photo's own bytes.",
    "Extension": "Of the result's format, with its dot.",
    "Warnings": "What the photo's file held and the result does not: a JSON list of sentences.",
}


def description(models: Sequence[str]) -> dict[str, Any]:
    """The document, plain values. models: the names of those that are served, the default first."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "darklift",
            "version": __version__,
            "summary": "Low-light photo enhancement with diffusion models",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {address: dict(operations) for address, operations in _paths().items()},
        "components": {
            "schemas": {"Problem": _problem_schema()},
            "parameters": _parameters(models),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def _paths() -> dict[str, dict[str, Any]]:
    wish = list(FIELDS)
    image, json = {"image/*": {"schema": _BINARY}}, {"application/json": {"schema": {"type": "object"}}}
    png = {"image/png": {"schema": _BINARY}}
    enhanced = {"content": image, "headers": {f"X-Darklift-{name}": _header(text) for name, text in _TOLD.items()}}
    return {
        "/api/v1/models": {"get": _operation("Models, the first the default, and limits", {"200": json})},
        "/api/v1/formats": {"get": _operation("Formats that are read and written", {"200": json})},
        "/api/v1/enhance": {
            "post": _operation("Enhance a photo", {"200": enhanced}, wish, body=True, problems=(*_UPLOAD, *_COMPUTE))
        },
        "/api/v1/uncertainty": {
            "post": _operation(
                "A map of how far each place of the result may be off, as darklift enhance --uncertainty draws it",
                {"200": png},
                wish,
                body=True,
                problems=(*_UPLOAD, *_COMPUTE),
            )
        },
        "/api/v1/photos": {
            "post": _operation(
                "Hold a photo, to look at it", {"201": json}, wish, body=True, problems=(*_UPLOAD, *_COMPUTE)
            )
        },
        "/api/v1/photos/{id}": {
            "get": _operation("What is known of a photo", {"200": json}, problems=("not-found",)),
            "delete": _operation("Hold a photo no longer", {"204": {}}, problems=("not-found",)),
        },
        "/api/v1/photos/{id}/original": {
            "get": _operation("The photo as it is, drawn", {"200": png}, ["side", "as"], problems=_LOOK)
        },
        "/api/v1/photos/{id}/preview": {
            "get": _operation("What it would become, small", {"200": png}, ["side", "as", *wish], problems=_LOOK)
        },
        "/api/v1/photos/{id}/uncertainty": {
            "get": _operation(
                "How far each place of the result may be off: a map, violet (sure) to yellow, without a legend",
                {"200": png},
                ["side", *wish],
                problems=_LOOK,
            )
        },
        "/api/v1/jobs": {
            "post": _operation(
                "Begin to enhance a photo, to fetch the result later",
                {"202": json},
                ["photo", *wish],
                body=True,
                problems=(*_UPLOAD, "not-found", "wrong-choice"),
            )
        },
        "/api/v1/jobs/{id}": {
            "get": _operation("How far a job is", {"200": json}, problems=("not-found",)),
            "delete": _operation(
                "Cancel a job (202; it ends between two steps), or forget one that has ended (204)",
                {"202": json, "204": {}},
                problems=("not-found",),
            ),
        },
        "/api/v1/jobs/{id}/events": {
            "get": _operation(
                "Follow a job: server-sent events progress, and at last done, failed or cancelled",
                {"200": {"text/event-stream": {"schema": {"type": "string"}}}},
                problems=("not-found",),
            )
        },
        "/api/v1/jobs/{id}/result": {
            "get": _operation(
                "The enhanced photo", {"200": enhanced}, problems=("not-found", "not-ready", "gone", *_COMPUTE)
            )
        },
        "/api/v1/jobs/{id}/picture": {
            "get": _operation(
                "The enhanced photo, drawn for a browser that does not know its format",
                {"200": png},
                ["side", "as"],
                problems=("not-ready", "gone", *_LOOK),
            )
        },
        "/api/v1/health/live": {"get": _operation("Whether the process answers", {"200": json}, token=False)},
        "/api/v1/health/ready": {
            "get": _operation("Whether work is taken on", {"200": json}, problems=("stopping",), token=False)
        },
        "/metrics": {
            "get": _operation("Counters for Prometheus", {"200": {"text/plain": {"schema": {"type": "string"}}}})
        },
    }


def _operation(
    summary: str,
    answers: Mapping[str, Any],
    fields: Iterable[str] = (),
    *,
    body: bool = False,
    problems: Iterable[str] = (),
    token: bool = True,
) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": summary}
    names = list(fields)
    if names:
        operation["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in names]
    if body:
        operation["requestBody"] = _body([name for name in names if name not in _DRAWING])
    operation["responses"] = {
        **{status: _answer(content) for status, content in answers.items()},
        **_refusals([*problems, *_ALWAYS]),
    }
    if not token:
        operation["security"] = []
    return operation


def _answer(content: Mapping[str, Any]) -> dict[str, Any]:
    if not content:
        return {"description": "Done"}
    return {"description": "Done", **(content if "content" in content else {"content": content})}


def _refusals(kinds: Iterable[str]) -> dict[str, Any]:
    titles: dict[str, list[str]] = {}
    for kind in dict.fromkeys(kinds):
        status, title = PROBLEMS[kind]
        titles.setdefault(str(status), []).append(f"{kind}: {title}")
    return {
        status: {
            "description": "; ".join(titles[status]),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(titles)
    }


def _body(names: Sequence[str]) -> dict[str, Any]:
    known = {**FIELDS, **_HELD}
    properties = {name: _schema(known[name]) for name in names if name != "photo"}
    form = {"type": "object", "properties": {"photo": _BINARY, **properties}}
    return {
        "description": "The photo itself, or a form with it as the part photo and choices as fields",
        "content": {"image/*": {"schema": _BINARY}, "multipart/form-data": {"schema": form}},
    }


def _schema(field: Field) -> dict[str, Any]:
    return {**field.schema, "description": field.text}


def _parameters(models: Sequence[str]) -> dict[str, Any]:
    known = {**FIELDS, **_DRAWING, **_HELD}
    made = {
        name: {"name": name, "in": "query", "description": field.text, "schema": dict(field.schema)}
        for name, field in known.items()
    }
    made["model"]["schema"] = {"type": "string", "enum": list(models), "default": models[0]}
    return made


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}


def _problem_schema() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What was refused or failed (RFC 9457); type ends with one of the kinds that statuses list.",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        },
        "required": ["type", "title", "status", "detail"],
    }
