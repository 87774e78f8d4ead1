"""What every request passes: host, origin and token on the way in; headers, log and metrics on the way out."""

from __future__ import annotations

import asyncio
import logging
import time

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from darklift.errors import printable
from darklift.web.policy import Policy
from darklift.web.problems import Problem, problem_of, problem_response
from darklift.web.service import Service
from darklift.web.uploads import Gone

_METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")

__all__ = ["CONTENT_SECURITY_POLICY", "HEAD_BYTES", "Gate"]

_log = logging.getLogger(__name__)

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self' blob:",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "font-src 'self'",
        "connect-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), clipboard-write=(self), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_EXPOSED = ", ".join(
    (
        "Location",
        "Retry-After",
        *(
            f"X-Darklift-{name}"
            for name in ("Extension", "Model", "Seconds", "Share", "Steps", "Unchanged", "Warnings")
        ),
    )
)
HEAD_BYTES = 32_768
"""The longest head of a request. What comes piece by piece, the protocol stops at as many."""
_LINGER, _LINGER_BYTES = 2.0, 64_000_000
"""Seconds and bytes that are still read of an upload that was refused, so that its sender gets to read why."""


class Gate:
    """Around the whole application."""

    def __init__(self, app: ASGIApp, service: Service, policy: Policy) -> None:
        self._app, self._service, self._policy = app, service, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("app", self)  # or Starlette's router answers 404 and 405 in its own way
        visit = _Visit(scope, receive, send)
        try:
            self._admit(visit)
            if visit.preflight:
                await visit.answer(204, {"Access-Control-Max-Age": "600"})
            else:
                await self._app(scope, visit.receive, visit.send)
        except Gone:
            visit.status = visit.status or 499  # what nginx calls it
        except Exception as error:  # noqa: BLE001  # told, as a problem or as a defect in the log
            await self._refuse(visit, error)
        finally:
            self._account(visit)

    def _admit(self, visit: _Visit) -> None:
        policy, header = self._policy, visit.header
        if visit.head_bytes > HEAD_BYTES:
            visit.headers["Connection"] = "close"
            raise Problem("headers-too-large", f"the request's head has more than {HEAD_BYTES} bytes: shorten it")
        host, origin = header("host") or "", header("origin")
        policy.check_host(host)
        fetched = visit.path.startswith("/api/") or visit.path == "/metrics"
        policy.check_origin(origin, host, header("sec-fetch-site") if fetched else None)
        if origin in policy.origins:
            visit.headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED}
            visit.headers |= {"Cross-Origin-Resource-Policy": "cross-origin", "Vary": "Origin"}
            if header("access-control-request-method") and visit.method == "OPTIONS":
                visit.preflight = True
                visit.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
                visit.headers["Access-Control-Allow-Headers"] = "authorization, content-type"
                return
        if fetched and not visit.path.startswith("/api/v1/health/"):
            policy.check_token(header("authorization"))

    async def _refuse(self, visit: _Visit, error: Exception) -> None:
        problem = _as_problem(error)
        self._service.metrics.refused(problem.kind)
        if visit.status:  # the answer has begun, and can only be broken off
            raise error
        await problem_response(problem)(visit.scope, visit.receive, visit.send)

    def _account(self, visit: _Visit) -> None:
        seconds = time.monotonic() - visit.began
        route = visit.route
        self._service.metrics.answered(visit.method, route, visit.status, seconds, visit.received, visit.sent)
        client = printable(visit.scope["client"][0]) if visit.scope.get("client") else "-"
        _log.info(
            "%s %s %s %d %d in %d out %.3f s",
            client,
            visit.method,
            route,
            visit.status,
            visit.received,
            visit.sent,
            seconds,
        )


class _Visit:
    """One request, and what is seen of it in passing."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self.path: str = scope["path"]
        self.began = time.monotonic()
        self.status = self.received = self.sent = 0
        self.preflight = False
        self.headers: dict[str, str] = dict(_HEADERS)
        if self.path.startswith("/api/"):
            self.headers["Cache-Control"] = "no-store"
        self._fields = scope["headers"]
        self._unread = self.header("transfer-encoding") is not None or self.header("content-length") not in (None, "0")

    @property
    def head_bytes(self) -> int:
        """Of the address and the headers."""
        address = len(self.scope["raw_path"]) + len(self.scope["query_string"])
        return address + sum(len(name) + len(value) for name, value in self._fields)

    def header(self, name: str) -> str | None:
        """The first of this name."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self._fields if key == wanted), None)

    @property
    def route(self) -> str:
        """The address with names in the place of what is secret or differs; nothing of what was asked for."""
        path = getattr(self.scope.get("route"), "path", None)
        return f"{self.scope.get('root_path', '')}{path}" if path else "other"

    async def receive(self) -> Message:
        """As the application reads the request."""
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            self._unread = message.get("more_body", False)
        return message

    async def answer(self, status: int, headers: dict[str, str]) -> None:
        """Without contents."""
        coded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": coded})
        await self.send({"type": "http.response.body", "body": b""})

    async def send(self, message: Message) -> None:
        """As the application answers."""
        if message["type"] == "http.response.start":
            await self._start(message)
        elif message["type"] == "http.response.body":
            self.sent += len(message.get("body", b""))
            last = not message.get("more_body", False)
            if last and self._unread:
                await self._send({**message, "more_body": True})
                await self._linger()
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await self._send(message)
        else:
            await self._send(message)

    async def _start(self, message: Message) -> None:
        self.status = message["status"]
        own = {name.lower() for name, _ in message.get("headers", [])}
        added = {name.lower().encode(): value.encode("latin-1") for name, value in self.headers.items()}
        headers = [*message.get("headers", []), *((name, value) for name, value in added.items() if name not in own)]
        if self._unread:
            headers.append((b"connection", b"close"))
        await self._send({**message, "headers": headers})

    async def _linger(self) -> None:
        """Whoever is cut off while still sending gets to read nothing."""
        until = time.monotonic() + _LINGER
        while self._unread and self.received < _LINGER_BYTES:
            try:
                message = await asyncio.wait_for(self.receive(), max(0.0, until - time.monotonic()))
            except TimeoutError:
                return
            if message["type"] == "http.disconnect":
                return


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, HTTPException):
        kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "bad-request")
        detail = {
            "not-found": "there is nothing under this address: see /openapi.json",
            "method-not-allowed": "this address does not take that method: see /openapi.json",
        }.get(kind, "the request is not well-formed: see /openapi.json")
        return Problem(kind, detail, headers=error.headers or {})
    return problem_of(error)
