"""What a JPEG file holds besides its picture: segments that no library passes on, and what lies behind the end.

Phones put more into a ``.jpg`` than one picture. A gain map or a preview is a second JPEG behind the first; the video
of a motion photo, and a Samsung phone's own records, follow that. Viewers find them by XMP, by offsets from the file's
end, or by a directory that counts backwards from it: so a video can go behind another picture as it is.
"""

import re
import struct
from dataclasses import dataclass, field

__all__ = ["JPEG_LS", "Layout", "first_frame", "is_gain_map", "layout_of"]

_START = b"\xff\xd8\xff"
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_SAMSUNG = b"SEFT"
_VIDEO = b"ftyp"  # the second word of every MP4 and QuickTime file
_GAIN_MAP_SIGNS = (b"hdr-gain-map", b"HDRGainMap", b"urn:iso:std:iso:ts:21496")
# (marker, beginning) of segments that are read elsewhere, or that say how the pixels are coded
_READ_ELSEWHERE = (
    (0xE0, b"JFIF\0"), (0xE0, b"JFXX\0"), (0xE0, b"AVI1"),
    (0xE1, b"Exif\0"), (0xE1, b"http://ns.adobe.com/xap/1.0/\0"), (0xE1, b"http://ns.adobe.com/xmp/extension/\0"),
    (0xE2, b"ICC_PROFILE\0"), (0xE2, b"MPF\0"), (0xE2, b"urn:iso:std:"),
    (0xEC, b"Ducky"), (0xED, b"Photoshop 3.0\0"), (0xEE, b"Adobe"),
)  # fmt: skip
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # which of these begin a picture (T.81, table B.1)
_LARGEST_PADDING = 1 << 16
_JFIF, _DUCKY = 14, 15  # bytes of JFIF's header without a thumbnail, and of what Photoshop writes about the quality

JPEG_LS = 0xF7
"""The marker that begins a picture of JPEG-LS (T.87), which is another format behind the same first bytes."""


@dataclass(slots=True)
class Layout:
    """What there is.

    Attributes:
        trailer: what lies last and still belongs to a picture that replaces the first: a video, a phone's records.
        has_video: there is a video in it.
        pictures: whether each picture behind the first is a gain map.
        unknown: how many bytes at the end are none of these.
        segments: the names of segments that nothing here can read, such as "APP4".
        thumbnail: there is one beside EXIF's, in JFIF's own segments.
        credentials: there are content credentials (C2PA), which vouch for the file as it was.
        ends_within_scan: no marker follows the first picture's last scan, so it lacks its end, if not more.
        bits: of one value of a channel.
        size: height and width, as they are stored.
        components: the identifiers of its channels.
        scans: the headers of its scans, each of which tells some channels in part (T.81, B.2.3).
    """

    trailer: bytes | None = None
    has_video: bool = False
    pictures: list[bool] = field(default_factory=list)
    unknown: int = 0
    segments: list[str] = field(default_factory=list)
    thumbnail: bool = False
    credentials: bool = False
    ends_within_scan: bool = False
    bits: int = 8
    size: tuple[int, int] = (0, 0)
    components: bytes = b""
    scans: list[bytes] = field(default_factory=list)

    def is_told(self) -> bool:
        """Whether scans have begun, at least, that tell each channel's 64 coefficients to their last bit."""
        told = {(channel, place): False for channel in self.components for place in range(64)}
        for scan in self.scans:
            channels = scan[1 : 1 + 2 * scan[0] : 2] if scan else b""
            if len(scan) < 1 + 2 * len(channels) + 3:
                continue  # damaged
            first, last, bits = scan[1 + 2 * len(channels) :][:3]
            if bits & 15 == 0:  # none are left for a later scan
                told.update({(channel, place): True for channel in channels for place in range(first, last + 1)})
        return bool(told) and all(told.values())


def layout_of(data: bytes) -> Layout:
    """Look through a whole file. One that ends within its picture has nothing behind it."""
    layout = Layout()
    end = _walk(data, 0, layout)
    while end is not None and end < len(data):
        start = _next_picture(data, end)
        if start is None:
            break
        after = _walk(data, start)
        layout.pictures.append(is_gain_map(data[start : after or len(data)]))
        end = after
    if end is not None:
        _describe_rest(data[end:], layout)
    return layout


def first_frame(head: bytes) -> int | None:
    """The marker that begins the first picture, as far as the file's beginning tells; None where it does not."""
    at = 2 if head.startswith(_START) else len(head)
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker in _FRAMES or marker == JPEG_LS:
            return marker
        at += 1 if marker == 0xFF else 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _walk(data: bytes, start: int, layout: Layout | None = None) -> int | None:
    """Where the JPEG that begins at ``start`` ends; None if it does not."""
    at = start + 2
    while at + 4 <= len(data) or data[at : at + 2] == b"\xff\xd9":
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == 0xD9:
            return at + 2
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        if layout is not None:
            _note_segment(marker, data[at + 4 : at + 2 + min(length, 64)], layout)
        at += 2 + length
        if marker == 0xDA:
            found = _END_OF_SCAN.search(data, at)
            if found is None:
                if layout is not None:
                    layout.ends_within_scan = True
                return None
            at = found.start()
    return None


def _note_segment(marker: int, beginning: bytes, layout: Layout) -> None:
    if marker == 0xDA:
        layout.scans.append(beginning)
    elif marker in _FRAMES:
        layout.bits, layout.components = beginning[0] if beginning else 8, beginning[6::3]
        layout.size = int.from_bytes(beginning[1:3], "big"), int.from_bytes(beginning[3:5], "big")
    elif marker & 0xF0 != 0xE0:
        return
    elif marker == 0xEB and b"jumb" in beginning:
        layout.credentials = True
    elif marker == 0xE0 and _has_thumbnail(beginning):
        layout.thumbnail = True
    elif not _is_read_elsewhere(marker, beginning):
        name = f"APP{marker - 0xE0}"
        if name not in layout.segments:
            layout.segments.append(name)


def _has_thumbnail(jfif: bytes) -> bool:
    """Of its own: in another segment behind the header, or in the header, which tells its width and height."""
    return jfif.startswith(b"JFXX\0") or (jfif.startswith(b"JFIF\0") and len(jfif) > _JFIF and all(jfif[12:14]))


def _is_read_elsewhere(marker: int, beginning: bytes) -> bool:
    if beginning.startswith(b"Ducky") and len(beginning) > _DUCKY:  # there is a comment or a copyright in it, too
        return False
    return any(marker == known and beginning.startswith(word) for known, word in _READ_ELSEWHERE)


def _next_picture(data: bytes, end: int) -> int | None:
    """Where a JPEG begins right behind ``end``, or after zeros that fill up to some boundary."""
    window = data[end : end + _LARGEST_PADDING]
    padding = len(window) - len(window.lstrip(b"\0"))
    return end + padding if data.startswith(_START, end + padding) else None


def is_gain_map(picture: bytes) -> bool:
    """Whether a JPEG file says of itself that it is one."""
    head = picture[:_LARGEST_PADDING]
    return any(sign in head for sign in _GAIN_MAP_SIGNS)


def _describe_rest(rest: bytes, layout: Layout) -> None:
    if not rest.strip(b"\0"):
        return
    if rest.endswith(_SAMSUNG):
        layout.trailer, layout.has_video = rest, _VIDEO in rest
    elif (place := rest.find(_VIDEO, 4, _LARGEST_PADDING)) > 0 and not rest[: place - 4].strip(b"\0"):
        layout.trailer, layout.has_video = rest[place - 4 :], True
    else:
        layout.unknown = len(rest)
