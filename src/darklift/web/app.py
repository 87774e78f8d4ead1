"""Which address leads where."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from darklift.web.gate import Gate
from darklift.web.openapi import description
from darklift.web.policy import Policy
from darklift.web.routes import api_routes
from darklift.web.service import Service
from darklift.web.static import Site

__all__ = ["make_app"]


def make_app(service: Service, policy: Policy, site: Site | None = None) -> Gate:
    """The application, for any ASGI server."""

    async def openapi(_: Request) -> Response:
        return JSONResponse(description(service.names))

    async def metrics(_: Request) -> Response:
        text, media_type = service.metrics.text()
        return Response(text, media_type=media_type)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        house = asyncio.ensure_future(service.keep_house())
        yield
        house.cancel()
        service.stop()
        await service.drain()

    router = Router(
        [
            Mount("/api/v1", routes=api_routes(service)),
            Route("/openapi.json", openapi, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
            Route("/{path:path}", (site or Site()).answer, methods=["GET", "HEAD"]),
        ],
        redirect_slashes=False,
        lifespan=lifespan,
    )
    return Gate(router, service, policy)
