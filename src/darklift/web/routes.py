"""The endpoints of the HTTP API. What every request passes before is in :mod:`darklift.web.gate`."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from darklift.batch.doubt_map import draw_doubt
from darklift.image import encode_image
from darklift.image.formats import FORMATS, result_extension
from darklift.web.answers import ResultResponse
from darklift.web.desk import Ticket
from darklift.web.fields import Wish, wish_from
from darklift.web.job_routes import JobRoutes
from darklift.web.photo_routes import PhotoRoutes
from darklift.web.problems import Problem
from darklift.web.service import Service, client_of
from darklift.web.shelf import Taken
from darklift.web.uploads import read_upload
from darklift.web.work import MEDIA_TYPES, uncertainty

__all__ = ["Routes", "api_routes"]


def api_routes(service: Service) -> list[BaseRoute]:
    """Every address of the API, without /api/v1 in front of it."""
    photos, jobs, own = PhotoRoutes(service), JobRoutes(service), Routes(service)
    return [
        Route("/models", own.models, methods=["GET"]),
        Route("/formats", own.formats, methods=["GET"]),
        Route("/enhance", own.enhance, methods=["POST"]),
        Route("/uncertainty", own.uncertainty, methods=["POST"]),
        Route("/photos", photos.open, methods=["POST"]),
        Route("/photos/{id}", photos.facts, methods=["GET"]),
        Route("/photos/{id}", photos.close, methods=["DELETE"]),
        Route("/photos/{id}/original", photos.original, methods=["GET"]),
        Route("/photos/{id}/preview", photos.preview, methods=["GET"]),
        Route("/photos/{id}/uncertainty", photos.uncertainty, methods=["GET"]),
        Route("/jobs", jobs.start, methods=["POST"]),
        Route("/jobs/{id}", jobs.facts, methods=["GET"]),
        Route("/jobs/{id}", jobs.cancel, methods=["DELETE"]),
        Route("/jobs/{id}/events", jobs.events, methods=["GET"]),
        Route("/jobs/{id}/result", jobs.result, methods=["GET"]),
        Route("/jobs/{id}/picture", jobs.picture, methods=["GET"]),
        Route("/health/live", own.live, methods=["GET"]),
        Route("/health/ready", own.ready, methods=["GET"]),
    ]


class Routes:
    """All that holds nothing between requests."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def models(self, _: Request) -> Response:
        """What there is to choose from, and what is allowed."""
        limits = self._service.limits
        allowed = {"bytes": limits.bytes, "pixels": limits.pixels, "seconds": limits.timeout}
        return JSONResponse({**self._service.describe(), "limits": allowed})

    async def formats(self, _: Request) -> Response:
        """What is read and written here."""
        known = [
            {
                "name": kind.name,
                "extensions": list(kind.extensions),
                "media_type": MEDIA_TYPES[kind.name],
                "written": kind.encode is not None,
                "result_extension": result_extension(kind.extensions[0]),
            }
            for kind in FORMATS
            if kind.is_installed
        ]
        return JSONResponse({"formats": known})

    async def enhance(self, request: Request) -> Response:
        """A photo in, the enhanced one out."""
        taken = Taken(self._service.budget, client_of(request))
        try:
            data, wish = await self._photo_and_wish(request, taken)
            result = await self._service.wait(request, self._service.work, partial(self._service.enhanced, data, wish))
        except BaseException:
            taken.give_back()
            raise
        taken.become(len(result.data))
        return ResultResponse(result, taken.give_back)

    async def uncertainty(self, request: Request) -> Response:
        """A photo in, the map of its result's uncertainty out."""
        taken = Taken(self._service.budget, client_of(request))
        try:
            data, wish = await self._photo_and_wish(request, taken)
            drawing = await self._service.wait(request, self._service.work, partial(self._doubt, data, wish))
            return Response(drawing, media_type="image/png")
        finally:
            taken.give_back()

    async def live(self, _: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """It takes on work."""
        self._service.check_open()
        return JSONResponse({"status": "ready"})

    async def _photo_and_wish(self, request: Request, taken: Taken) -> tuple[bytes, Wish]:
        self._service.work.check_room(taken.client)  # before anything is read
        given = request.query_params.multi_items()
        wish_from(given, self._service.names)
        upload = await read_upload(request, self._service.limits, taken)
        if upload.photo is None:
            raise Problem("bad-request", "there is no photo: send it as the body, or as the part 'photo' of a form")
        return upload.photo, wish_from([*given, *upload.fields], self._service.names)

    def _doubt(self, data: bytes, wish: Wish, ticket: Ticket) -> bytes:
        made = uncertainty(self._service.enhancers[wish.model], data, wish, self._service.limits.pixels, ticket)
        assert made.uncertainty is not None  # it was asked for
        return encode_image(draw_doubt(made.uncertainty, made), "PNG")
