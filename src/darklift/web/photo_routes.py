"""Photos that are held while a page looks at them."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from darklift.web.desk import Ticket
from darklift.web.drawing import DRAWN_AS, drawn_doubt
from darklift.web.fields import Wish, wish_from
from darklift.web.photo import Photo
from darklift.web.problems import Problem
from darklift.web.service import Service, client_of
from darklift.web.shelf import Taken
from darklift.web.uploads import read_upload
from darklift.web.work import uncertainty

__all__ = ["PhotoRoutes", "drawing_of"]

_MOST_SIDE = 100_000
_SIDE = 1024


class PhotoRoutes:
    """/api/v1/photos"""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def open(self, request: Request) -> Response:
        """Take a photo, look at it, and hold it."""
        service = self._service
        taken = Taken(service.budget, client_of(request))
        service.looks.check_room(taken.client)  # before anything is read
        given = request.query_params.multi_items()
        wish_from(given, service.names)
        try:
            upload = await read_upload(request, service.limits, taken)
            if upload.photo is None:
                raise Problem("bad-request", "there is no photo: send it as the body, or as the part 'photo' of a form")
            model = wish_from([*given, *upload.fields], service.names).model
            enhancer, pixels = service.enhancers[model], service.limits.pixels
            photo = await service.wait(
                request, service.looks, partial(Photo.open, enhancer, model, upload.photo, pixels)
            )
            taken.more(max(0, photo.nbytes - taken.bytes))
        except BaseException:
            taken.give_back()
            raise
        name = service.photos.put(photo, taken)
        where = {"Location": f"/api/v1/photos/{name}"}
        return JSONResponse({"id": name, **photo.to_dict()}, 201, where)

    async def facts(self, request: Request) -> Response:
        """What is known of one."""
        return JSONResponse(self._photo(request).to_dict())

    async def close(self, request: Request) -> Response:
        """Hold it no longer."""
        self._service.photos.remove(request.path_params["id"])
        return Response(status_code=204)

    async def original(self, request: Request) -> Response:
        """The photo as it is."""
        photo, (side, form) = self._photo(request), drawing_of(request)
        enhancer, pixels = self._service.enhancers[self._service.names[0]], self._service.limits.pixels
        return await self._drawn(request, form, partial(photo.original, enhancer, side, form, pixels))

    async def preview(self, request: Request) -> Response:
        """What it would become, small."""
        photo, (side, form), wish = self._photo(request), drawing_of(request), self._wish(request)
        enhancer, pixels = self._service.enhancers[wish.model], self._service.limits.pixels
        work = partial(photo.preview, enhancer, wish.model, wish.settings, side or _SIDE, form, pixels)
        return await self._drawn(request, form, work)

    async def uncertainty(self, request: Request) -> Response:
        """How far each place of the result may be off, in colours."""
        photo, (side, _), wish = self._photo(request), drawing_of(request), self._wish(request)
        service = self._service

        def work(ticket: Ticket) -> bytes:
            made = uncertainty(service.enhancers[wish.model], photo.data, wish, service.limits.pixels, ticket)
            return drawn_doubt(made, side or _SIDE)

        return Response(await service.wait(request, service.work, work), media_type=DRAWN_AS["png"])

    def _photo(self, request: Request) -> Photo:
        return self._service.photos.get(request.path_params["id"])

    def _wish(self, request: Request) -> Wish:
        return wish_from(request.query_params.multi_items(), self._service.names, also=("side", "as"))

    async def _drawn(self, request: Request, form: str, work: partial[bytes]) -> Response:
        return Response(await self._service.wait(request, self._service.looks, work), media_type=DRAWN_AS[form])


def drawing_of(request: Request) -> tuple[int | None, str]:
    """``side`` in pixels, None for all there are, and ``as`` what it is drawn. Raises Problem."""
    text, form = request.query_params.get("side", ""), request.query_params.get("as", "png")
    if text and not (text.isdecimal() and 1 <= int(text[:9]) <= _MOST_SIDE):
        raise Problem("wrong-choice", f"side is {text[:20]!r}, expected 1 to {_MOST_SIDE} pixels")
    if form not in DRAWN_AS:
        raise Problem("wrong-choice", f"as is {form[:20]!r}, expected {' or '.join(DRAWN_AS)}")
    return int(text) if text else None, form
