"""A request's photo and fields, read into memory as they arrive: never more than is allowed, never onto the disk.

Starlette's own form reader writes parts above 1 MB to a temporary file; this one keeps what it reads in memory.
"""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from darklift.image.formats import HEAD_BYTES
from darklift.web.limits import Limits
from darklift.web.problems import Problem
from darklift.web.shelf import Taken
from darklift.web.work import check_is_picture

__all__ = ["Gone", "Upload", "read_upload"]

_SLOWEST = 16_384
"""Bytes a second that an upload has to reach in the long run."""
_FIELDS, _FIELD_BYTES = 64, 4096
_AROUND = 65_536
"""Bytes that a form may have beside the photo and its fields."""


class Gone(Exception):
    """The client has hung up."""


@dataclass(eq=False)
class Upload:
    """What a request's body held. photo: None where there was none."""

    photo: bytes | None = None
    fields: list[tuple[str, str]] = field(default_factory=list)


async def read_upload(request: Request, limits: Limits, taken: Taken) -> Upload:
    """Read a photo as the body itself, or as the part ``photo`` of a form beside its fields.

    taken: gets the bytes. Raises Problem, and Gone.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    sink = _Form(options, limits.bytes) if kind == b"multipart/form-data" else _Raw(limits.bytes)
    _check_declared(request, sink.most)
    started, received = time.monotonic(), 0
    while True:
        patience = min(limits.upload, limits.upload + received / _SLOWEST - (time.monotonic() - started))
        try:
            message = await asyncio.wait_for(request.receive(), max(patience, 0))
        except TimeoutError:
            raise Problem("slow-upload", f"{received} bytes came, and then too little: send it again") from None
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        received += len(part)
        if received > sink.most:
            raise _too_long(limits.bytes)
        taken.more(len(part))
        sink.write(part)
        if not message.get("more_body", False):
            return sink.upload()


def _check_declared(request: Request, most: int) -> None:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise _too_long(most)


def _too_long(most: int) -> Problem:
    return Problem("too-long", f"more than {most} bytes, which is the most that is taken: send a smaller file")


class _Photo:
    """Bytes as they come; what is no picture is refused by the first of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = io.BytesIO()
        self._checked = False

    def write(self, part: bytes) -> None:
        if self._held.tell() + len(part) > self._most:
            raise _too_long(self._most)
        self._held.write(part)
        if not self._checked and self._held.tell() >= HEAD_BYTES:
            check_is_picture(bytes(self._held.getbuffer()[:HEAD_BYTES]))
            self._checked = True

    def bytes(self) -> bytes:
        """All of them."""
        if not self._checked:
            check_is_picture(self._held.getvalue())
        return self._held.getvalue()


class _Raw:
    """A body that is the photo."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._photo = _Photo(most)
        self._empty = True

    def write(self, part: bytes) -> None:
        self._empty = self._empty and not part
        self._photo.write(part)

    def upload(self) -> Upload:
        return Upload() if self._empty else Upload(self._photo.bytes())


class _Form:
    """A multipart form."""

    def __init__(self, options: dict[bytes, bytes], most: int) -> None:
        boundary = options.get(b"boundary", b"")
        if not 1 <= len(boundary) <= 70:  # RFC 2046, 5.1.1
            raise Problem("bad-request", "the form has no boundary of 1 to 70 characters: see RFC 7578")
        self.most = most + _FIELDS * _FIELD_BYTES + _AROUND
        self._most_of_photo = most
        self._boundary = boundary
        self._parser = self._new_parser()
        self._made = Upload()
        self._photo: _Photo | None = None
        self._ended = False
        self._name, self._header, self._value, self._disposition = "", b"", b"", b""
        self._text = bytearray()

    def write(self, part: bytes) -> None:
        try:
            self._parser.write(part)
        except FormParserError as error:
            raise Problem("bad-request", "the form is not well-formed: see RFC 7578") from error

    def upload(self) -> Upload:
        if not self._ended:
            raise Problem("bad-request", "the form ends in the middle: send all of it")
        self._made.photo = None if self._photo is None else self._photo.bytes()
        return self._made

    def _new_parser(self) -> MultipartParser:
        return MultipartParser(
            self._boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header,
                "on_header_value": self._on_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers,
                "on_part_data": self._on_data,
                "on_part_end": self._on_end,
                "on_end": self._finish,
            },
        )

    def _begin(self) -> None:
        self._name, self._header, self._value, self._disposition = "", b"", b"", b""
        self._text = bytearray()

    def _on_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _on_headers(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "photo":
            if self._photo is not None:
                raise Problem("bad-request", "the form has two photos: send one at a time")
            self._photo = _Photo(self._most_of_photo)
        elif len(self._made.fields) >= _FIELDS:
            raise Problem("bad-request", f"the form has more than {_FIELDS} fields: leave some out")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "photo" and self._photo is not None:
            self._photo.write(data[start:end])
            return
        self._text += data[start:end]
        if len(self._text) > _FIELD_BYTES:
            raise Problem("bad-request", f"a field of the form is longer than {_FIELD_BYTES} bytes: shorten it")

    def _on_end(self) -> None:
        if self._name != "photo":
            self._made.fields.append((self._name, self._text.decode("utf-8", "replace")))

    def _finish(self) -> None:
        self._ended = True
