"""The texts of a PNG file (PNG specification, third edition, 11.3.3) in the words of XMP."""

import re
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from darklift.image.xmp_add import DC, EXIF, XMP, Properties
from darklift.image.xmp_packet import Name

__all__ = ["texts_as_xmp"]

_LONGEST = 1 << 20
_NAMES: dict[str, Name] = {
    "Title": (DC, "title"),
    "Author": (DC, "creator"),
    "Description": (DC, "description"),
    "Copyright": (DC, "rights"),
    "Creation Time": (XMP, "CreateDate"),
    "Software": (XMP, "CreatorTool"),
    "Comment": (EXIF, "UserComment"),
}


def texts_as_xmp(chunks: tuple[tuple[bytes, bytes], ...]) -> tuple[Properties, list[str]]:
    """The properties that say the same as these chunks' texts, and the keywords of those that have none."""
    found: Properties = {}
    others = []
    for keyword, text in _texts(chunks):
        name = _NAMES.get(keyword)
        text = _date(text) if keyword == "Creation Time" and text is not None else text
        if name is None or text is None or name in found:
            others.append(keyword)
        else:
            found[name] = [text]
    return found, list(dict.fromkeys(others))


def _texts(chunks: tuple[tuple[bytes, bytes], ...]) -> Iterator[tuple[str, str | None]]:
    """Keyword and text of each; None for a text that cannot be read."""
    for kind, data in chunks:
        keyword, _, rest = data.partition(b"\0")
        name = keyword.decode("latin-1")
        try:
            if kind == b"tEXt":
                yield name, rest.decode("latin-1")
            elif kind == b"zTXt":
                yield name, _unpacked(rest[1:]).decode("latin-1")
            elif kind == b"iTXt":
                _, _, text = rest[2:].split(b"\0", 2)  # the language, and the keyword in it
                yield name, (_unpacked(text) if rest[0] else text).decode("utf-8")
        except (ValueError, IndexError, zlib.error):
            yield name, None


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    text = unpacker.decompress(data, _LONGEST)
    if not unpacker.eof:
        raise ValueError("a text that is cut short, or very long")
    return text


def _date(text: str) -> str | None:
    """Dates as RFC 1123 or ISO 8601 write them, as XMP does."""
    if re.fullmatch(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?", text.strip()):
        return text.strip()
    try:
        return parsedate_to_datetime(text).isoformat()
    except (ValueError, OverflowError):
        return None
