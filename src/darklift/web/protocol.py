"""HTTP/1.1 as uvicorn speaks it, with patience that ends: for a request's head, and for too many connections."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from darklift.web.problems import Problem, problem_response
from darklift.web.service import Service

__all__ = ["patient_protocol"]

_log = logging.getLogger(__name__)

_CONNECTIONS, _OF_ONE = 1000, 250
"""At a time: of all, and from one address, unless they come through proxies."""


def patient_protocol(service: Service, proxies: list[str]) -> type[H11Protocol]:
    """The class for uvicorn's configuration."""
    of_address: Counter[str] = Counter()

    class Patient(H11Protocol):
        """One connection."""

        _head_timer: asyncio.TimerHandle | None = None
        _address = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._address = self.client[0] if self.client else ""
            of_address[self._address] += 1
            crowd = not proxies and of_address[self._address] > _OF_ONE
            if crowd or len(self.connections) > _CONNECTIONS:
                self._refuse(Problem("client-busy" if crowd else "busy", "too many connections: close some"))
            else:
                self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            of_address[self._address] -= 1
            if of_address[self._address] <= 0:
                del of_address[self._address]
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            super().data_received(data)
            if not self._between_requests():
                self._stop_waiting()
            elif self._head_timer is None and not self.transport.is_closing():
                self._await_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if not self._between_requests():  # the next one had come already
                self._stop_waiting()

        def send_400_response(self, msg: str) -> None:
            """For what is no HTTP; h11 says with its error whether it was only too long."""
            if not self._between_requests():
                self.transport.close()  # in the middle of an answer
                return
            too_long = getattr(sys.exc_info()[1], "error_status_hint", 400) == 431
            kind = "headers-too-large" if too_long else "bad-request"
            self._refuse(Problem(kind, "the request's head is too long" if too_long else "this is no HTTP request"))

        def _between_requests(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _await_head(self) -> None:
            self._head_timer = self.loop.call_later(service.limits.upload, self._too_slow)

        def _stop_waiting(self) -> None:
            if self._head_timer is not None:
                self._head_timer.cancel()
                self._head_timer = None

        def _too_slow(self) -> None:
            self._head_timer = None
            if self._between_requests() and not self.transport.is_closing():
                self._refuse(Problem("slow-upload", "the request's head came too slowly"))

        def _refuse(self, problem: Problem) -> None:
            """Past uvicorn and the application, as there is no request."""
            service.metrics.refused(problem.kind)
            _log.info("%s refused before a request: %d %s", self._address or "-", problem.status, problem.kind)
            self._stop_waiting()
            self.transport.write(_as_bytes(problem))
            self.transport.close()

    return Patient


def _as_bytes(problem: Problem) -> bytes:
    response: Any = problem_response(problem)
    head = [f"HTTP/1.1 {problem.status} {problem.title}".encode("ascii"), b"connection: close"]
    head += [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([*head, b"", bytes(response.body)])
