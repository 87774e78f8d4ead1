"""GIF: a palette of up to 256 colours, of which one may be clear. Only read, and one frame."""

from functools import partial

from PIL.GifImagePlugin import GifImageFile

from darklift.image.formats.base import Format, matched
from darklift.image.pixels import adopt, decode_with

__all__ = ["FORMAT"]

_NAME = "GIF"
_adopt = partial(adopt, container=_NAME)

FORMAT = Format(
    name=_NAME,
    extensions=(".gif",),
    sniff=lambda head: matched(head, b"GIF87a", b"GIF89a"),
    decode=partial(decode_with, GifImageFile, _adopt),
    written_as=".png",
    pil={"GIF": _adopt},
)
