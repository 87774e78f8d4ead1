"""Jobs: work that is asked for now, followed as it goes, and fetched later."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from darklift.image import decode_frames
from darklift.web.answers import ResultResponse
from darklift.web.desk import Ticket
from darklift.web.drawing import DRAWN_AS, drawn
from darklift.web.fields import Wish, wish_from
from darklift.web.jobs import Job
from darklift.web.photo_routes import drawing_of
from darklift.web.problems import Problem
from darklift.web.service import Service, client_of
from darklift.web.shelf import Taken
from darklift.web.uploads import read_upload
from darklift.web.work import reading

__all__ = ["JobRoutes"]


class JobRoutes:
    """/api/v1/jobs"""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def start(self, request: Request) -> Response:
        """Begin with a photo that is held (``photo=``), or one that comes along."""
        service = self._service
        taken = Taken(service.budget, client_of(request))
        service.work.check_room(taken.client)  # before anything is read
        try:
            data, wish = await self._photo_and_wish(request, taken)
            job = Job(taken.client, taken)
            job.follow(service.work.submit(taken.client, partial(service.enhanced, data, wish), job.on_step))
        except BaseException:
            taken.give_back()
            raise
        name = service.jobs.put(job, taken)
        where = {"Location": f"/api/v1/jobs/{name}"}
        return JSONResponse({"id": name, **job.to_dict()}, 202, where)

    async def facts(self, request: Request) -> Response:
        """How far it is."""
        return JSONResponse(self._job(request).to_dict())

    async def cancel(self, request: Request) -> Response:
        """End one that waits or runs, forget one that has ended."""
        job = self._job(request)
        if job.ended:
            self._service.jobs.remove(request.path_params["id"])
            return Response(status_code=204)
        job.cancel()
        return JSONResponse(job.to_dict(), 202)

    async def events(self, request: Request) -> Response:
        """Server-sent events until it has ended."""
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would hold them back
        return StreamingResponse(self._job(request).events(), headers=headers, media_type="text/event-stream")

    async def result(self, request: Request) -> Response:
        """The file."""
        job = self._job(request)
        result = job.require_result()
        job.fetched = True
        return ResultResponse(result)

    async def picture(self, request: Request) -> Response:
        """The result as a browser shows it, for formats that it does not know."""
        result, (side, form) = self._job(request).require_result(), drawing_of(request)
        enhancer, pixels = self._service.enhancers[result.model], self._service.limits.pixels

        def work(ticket: Ticket) -> bytes:
            with reading(enhancer, pixels, ticket):
                return drawn(decode_frames(result.data).picture(1), side, form)

        return Response(await self._service.wait(request, self._service.looks, work), media_type=DRAWN_AS[form])

    def _job(self, request: Request) -> Job:
        return self._service.jobs.get(request.path_params["id"])

    async def _photo_and_wish(self, request: Request, taken: Taken) -> tuple[bytes, Wish]:
        service, given = self._service, request.query_params.multi_items()
        wish_from(given, service.names, also=("photo",))
        upload = await read_upload(request, service.limits, taken)
        fields = [*given, *upload.fields]
        wish = wish_from(fields, service.names, also=("photo",))
        held = [text for name, text in fields if name == "photo"]
        if len(held) + (upload.photo is not None) != 1:
            raise Problem("bad-request", "expected one photo: the name of one that is held, or one that comes along")
        if upload.photo is not None:
            return upload.photo, wish
        data = service.photos.get(held[0]).data
        taken.more(len(data))
        return data, wish
