"""The process behind ``darklift web``: its socket, its signals, its end."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from darklift.errors import DarkliftError, UsageError
from darklift.web.gate import HEAD_BYTES, Gate
from darklift.web.protocol import patient_protocol
from darklift.web.service import Service

__all__ = ["listen", "serve"]

_BACKLOG = 256
_KEEP_ALIVE = 15
"""Seconds that a connection may rest between two requests."""
_LAST_ANSWERS = 10
"""Seconds for answers that are on their way when all work is done."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises DarkliftError where that cannot be, UsageError for a host that there is not."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--host {host} is no address: give one of this machine's, such as 127.0.0.1") from error
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # where it would let two servers have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise DarkliftError(
            f"cannot listen on {host}, port {port} ({error.strerror}): choose another --port, 0 takes a free one"
        ) from error
    return listener


def serve(
    app: Gate, service: Service, listener: socket.socket, *, proxies: list[str], ready: Callable[[], None]
) -> bool:
    """Serve until a signal comes. The first lets what runs come to its end and its results be fetched; the second ends
    it between two steps.

    proxies: addresses whose X-Forwarded-For is believed. ready: called once requests are answered. Returns whether what
    ran came to its end.
    """
    config = uvicorn.Config(
        ProxyHeadersMiddleware(app, proxies) if proxies else app,  # type: ignore[arg-type]  # Starlette's types are wider
        http=patient_protocol(service, proxies),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_LAST_ANSWERS,
    )
    server = _Server(config, service, ready)
    try:
        server.run([listener])
    finally:
        service.close()
    return not server.force_exit


class _Server(uvicorn.Server):
    """uvicorn's, which on a signal stops listening at once; this one first ends its work."""

    def __init__(self, config: uvicorn.Config, service: Service, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._service, self._ready = service, ready
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Task[None] | None = None
        self._asked = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:  # which leaves this out
            await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """In the main thread, between any two instructions."""
        self._asked += 1
        if self._loop is None:  # it has not begun
            self.should_exit = True
            return
        self._loop.call_soon_threadsafe(self._end if self._asked == 1 else self._end_now)

    def _end(self) -> None:
        self._ending = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        await self._service.drain()
        self.should_exit = True

    def _end_now(self) -> None:
        self._service.stop()
        self.should_exit = self.force_exit = True
