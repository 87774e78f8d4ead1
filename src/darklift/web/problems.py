"""What is refused or fails, as a status and a problem document (RFC 9457)."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from darklift.errors import DarkliftError, ImageError, MissingExtraError, UsageError

__all__ = ["PROBLEMS", "Problem", "Stopped", "problem_of", "problem_response"]

_log = logging.getLogger(__name__)

PROBLEMS: dict[str, tuple[int, str]] = {
    "bad-request": (400, "The request is not well-formed"),
    "no-token": (401, "A token is needed"),
    "origin-refused": (403, "This origin or host is not allowed"),
    "not-found": (404, "There is nothing here, or no more"),
    "method-not-allowed": (405, "This address takes other methods"),
    "slow-upload": (408, "The upload came too slowly"),
    "not-ready": (409, "The result is not there yet"),
    "gone": (410, "The job failed or was cancelled"),
    "too-long": (413, "The photo has too many bytes"),
    "too-many-pixels": (413, "The photo has too many pixels"),
    "not-a-picture": (415, "No picture, or of a kind that is not read here"),
    "wrong-choice": (422, "A choice is unknown or out of range"),
    "unreadable": (422, "The picture cannot be read, or its result not be written"),
    "client-busy": (429, "This client has too much waiting"),
    "headers-too-large": (431, "The request's head is too long"),
    "internal": (500, "A defect in darklift"),
    "busy": (503, "Too much is waiting"),
    "out-of-memory": (503, "There is too little memory for it now"),
    "stopping": (503, "The server is stopping"),
    "timeout": (504, "Computing took too long"),
}
"""Every kind of problem: its status and title. The kind is what ``type`` ends with."""

_RETRY = {"client-busy", "busy", "out-of-memory", "stopping"}
_ADDRESS = "about:blank#"


class Problem(DarkliftError):
    """A request that is refused, or that failed; ``kind`` is one of :data:`PROBLEMS`."""

    def __init__(
        self, kind: str, detail: str, *, retry_after: int = 5, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status, self.title = PROBLEMS[kind]
        self.headers = dict(headers or {})
        if kind in _RETRY:
            self.headers["Retry-After"] = str(retry_after)

    def to_dict(self) -> dict[str, Any]:
        """The document, plain values."""
        return {"type": f"{_ADDRESS}{self.kind}", "title": self.title, "status": self.status, "detail": str(self)}


class Stopped(DarkliftError):
    """Raised in the thread that computes, where nobody waits for the result any more."""


def problem_of(error: BaseException) -> Problem:
    """What a client is told of an error: nothing of files, nothing of where in the code it arose."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Stopped):
        return Problem("gone", "it was cancelled: send it again")
    if isinstance(error, MissingExtraError):
        return Problem(
            "not-a-picture", f"the server lacks {error.package} for it: send another format, or tell its operator"
        )
    if isinstance(error, UsageError):
        return Problem("wrong-choice", str(error))
    if isinstance(error, ImageError):
        return Problem("unreadable", str(error))
    if isinstance(error, MemoryError):
        return Problem("out-of-memory", "there is not enough memory for it: make the photo smaller, or try it later")
    _log.error("a defect in darklift, please report it", exc_info=error)
    return Problem("internal", f"a defect in darklift ({HTTPStatus(500).phrase}): please report it")


def problem_response(problem: Problem) -> Response:
    """The answer."""
    body = json.dumps(problem.to_dict(), ensure_ascii=False).encode()
    return Response(body, problem.status, problem.headers, "application/problem+json")
