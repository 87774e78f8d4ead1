"""A result on its way to the client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from darklift.web.uploads import Gone
from darklift.web.work import Result

__all__ = ["ResultResponse"]

_PIECE = 262_144
_PATIENCE = 60.0
"""Seconds that a piece may take: a client that reads no further is left."""
_TOLD = ("model", "steps", "share", "seconds", "unchanged", "extension", "warnings")


class ResultResponse(Response):
    """The file, and what is told of it in headers; sent in pieces, as fast as they are taken."""

    def __init__(self, result: Result, done: Callable[[], None] = lambda: None) -> None:
        """done: called at the end, however that came."""
        facts = result.to_dict()
        headers = {f"X-Darklift-{name.title()}": json.dumps(facts[name]).strip('"') for name in _TOLD}
        headers["Content-Length"] = str(len(result.data))
        super().__init__(headers=headers, media_type=result.media_type)
        self._data, self._done = result.data, done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. Raises Gone where it is not taken."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            for start in range(0, len(self._data), _PIECE):
                piece = self._data[start : start + _PIECE]
                message = {"type": "http.response.body", "body": piece, "more_body": start + _PIECE < len(self._data)}
                try:
                    await asyncio.wait_for(send(message), _PATIENCE)
                except TimeoutError:
                    raise Gone from None
        finally:
            self._done()
