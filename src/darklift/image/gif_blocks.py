"""The blocks of a GIF file besides its frames (GIF89a, sections 20 to 27), of which Pillow reads the first comment."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from darklift.image.left_behind import notes_on_blocks, notes_on_rest

__all__ = ["GifBlocks", "gif_blocks"]

_XMP, _ICC = b"XMP DataXMP", b"ICCRGBG1012"
_ABOUT_FRAMES = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
_FRAME, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_COMMENT, _TEXT_DRAWN, _APPLICATION = 0xFE, 0x01, 0xFF
_XMP_TRAILER = b"\x01\xff\xfe\xfd"
"""A packet stands as it is, and its letters count as lengths: these bytes lead to the end from wherever one lands."""


class GifBlocks(NamedTuple):
    """notes: on what nothing here can read, in words."""

    xmp: bytes | None
    icc_profile: bytes | None
    comments: list[bytes]
    notes: list[str]

    @property
    def info(self) -> dict[str | tuple[int, int], Any]:
        """By the names that Pillow has for such things."""
        return {"xmp": self.xmp, "icc_profile": self.icc_profile, "comment": self.comments}


def gif_blocks(data: bytes) -> GifBlocks:
    """Look through a whole file. The walk ends at the first thing amiss: it is Pillow's part to say what is wrong."""
    xmp: bytes | None = None
    profile: bytes | None = None
    comments: list[bytes] = []
    unknown: list[bytes] = []
    rest = b""
    for label, start, end in _blocks(data):
        parts = list(_parts(data, start))
        name = parts[0] if parts else b""
        if label == _COMMENT:
            comments.append(b"".join(parts))
        elif label == _TEXT_DRAWN:
            unknown.append(b"text")
        elif label == _END:
            rest = data[end:]
        elif label == _APPLICATION and name == _XMP:
            xmp = data[start + 12 : end].partition(_XMP_TRAILER)[0]
        elif label == _APPLICATION and name == _ICC:
            profile = b"".join(parts[1:])
        elif label == _APPLICATION and name not in _ABOUT_FRAMES:
            unknown.append(name)
    return GifBlocks(xmp, profile, comments, [*notes_on_blocks(unknown, b""), *notes_on_rest(rest)])


def _blocks(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Label, and where the parts begin and end, of each extension; and of the end of the file."""
    at = 13 + _colours(data[10:11])
    while at < len(data):
        if data[at] == _END:
            yield _END, at + 1, at + 1
            return
        if data[at] == _EXTENSION and at + 2 < len(data):
            label, start = data[at + 1], at + 2
        elif data[at] == _FRAME and at + 10 < len(data):
            label, start = _FRAME, at + 11 + _colours(data[at + 9 : at + 10])
        else:
            return
        at = start
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
        if at > len(data):
            return
        yield label, start, at


def _colours(flags: bytes) -> int:
    """Bytes of the table of colours that these flags tell of."""
    return 3 << (flags[0] & 7) + 1 if flags and flags[0] & 0x80 else 0


def _parts(data: bytes, at: int) -> Iterator[bytes]:
    while at < len(data) and data[at]:
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
