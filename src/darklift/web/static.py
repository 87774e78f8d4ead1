"""The page's own files, as they were built."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from darklift.web.export import SITE

__all__ = ["Site"]

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
_COMPUTES_HERE, _COMPUTES_THERE = (
    b'<meta name="darklift-studio" content="%s">' % who for who in (b"browser", b"server")
)
"""What the page's head says: the same page computes in the browser, or has its server do it."""


@dataclass(frozen=True)
class _File:
    data: bytes
    etag: str
    media_type: str


class Site:
    """Serves what lies in a folder and nothing else: its files are listed once, and only listed names are opened."""

    def __init__(self, folder: Path = SITE) -> None:
        self._files = {
            file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()
        }

    def __contains__(self, name: str) -> bool:
        return name in self._files

    async def answer(self, request: Request) -> Response:
        """A file, or that it has not changed."""
        name = request.path_params.get("path", "") or "index.html"
        if name not in self._files:
            raise HTTPException(404)
        file = _read(self._files[name])
        headers = {"ETag": file.etag, "Cache-Control": "no-cache"}  # another version has other files by the same names
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = b"" if request.method == "HEAD" else file.data
        headers["Content-Length"] = str(len(file.data))
        return Response(body, headers=headers, media_type=file.media_type)


@cache
def _read(file: Path) -> _File:
    data = file.read_bytes()
    if file.name == "index.html":
        data = data.replace(_COMPUTES_HERE, _COMPUTES_THERE)
    known = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    digest = hashlib.sha256(data).hexdigest()[:32]
    return _File(data, f'"{digest}"', known)
