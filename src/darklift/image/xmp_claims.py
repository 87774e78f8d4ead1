"""What an XMP packet says of the rest of its file, set right when that rest is not there any more.

A phone's packet counts the pictures and the video behind a JPEG, with their lengths. The text is edited in place, since
a packet that is parsed and written anew is another packet. Sources: Android's *Motion Photo format 1.0* and *Ultra HDR
image format 1.1*, and for the older MicroVideo what Pixel phones write.
"""

import re
from bisect import bisect_right
from collections.abc import Callable

__all__ = ["without_claims", "without_development", "without_thumbnails"]

_CAMERA = b"http://ns.google.com/photos/1.0/camera/"
_CONTAINER = b"http://ns.google.com/photos/1.0/container/"
_ITEM = b"http://ns.google.com/photos/1.0/container/item/"
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"http://ns.apple.com/HDRGainMap/1.0/")
_XMP = b"http://ns.adobe.com/xap/1.0/"
_DEVELOPMENT = b"http://ns.adobe.com/camera-raw-settings/1.0/"
_NOTE = b"http://ns.adobe.com/xmp/note/"

_LIST_ITEM = rb"\w+:li"


def without_claims(xmp: bytes, *, video: bool = False) -> bytes:
    """The packet for a file that holds its picture and nothing else, or that and the ``video`` as it was.

    Pictures behind the first, gain maps and extended XMP are claimed no more. The rest stays byte for byte.
    """
    for namespace in _GAIN_MAPS:
        xmp = _without(xmp, namespace, rb"\w+")
    xmp = _without(xmp, _NOTE, b"HasExtendedXMP")
    if not video:
        xmp = _without(xmp, _CAMERA, rb"(?:MotionPhoto|MicroVideo)\w*")
    if (containers := _prefixes(xmp, _CONTAINER)) and (items := _prefixes(xmp, _ITEM) or b"Item"):
        xmp = _edited(xmp, b"%s:Directory" % containers, lambda text: _directory(text, items, video))
    return xmp


def without_thumbnails(xmp: bytes) -> bytes:
    """The packet without little pictures of its photo. The rest stays byte for byte."""
    return _without(xmp, _XMP, b"Thumbnails") if b"Thumbnails" in xmp else xmp


def without_development(xmp: bytes) -> bytes:
    """The packet without the settings by which Adobe's programs develop a raw file: they would do it once more."""
    return _without(xmp, _DEVELOPMENT, rb"\w+")


def _prefixes(xmp: bytes, namespace: bytes) -> bytes:
    """A pattern for what a namespace goes by in this packet; empty where it does not occur."""
    found = set(re.findall(rb"xmlns:(\w+)\s*=\s*[\"']%s[\"']" % re.escape(namespace), xmp))
    return b"(?:%s)" % b"|".join(sorted(found)) if found else b""


def _without(xmp: bytes, namespace: bytes, names: bytes) -> bytes:
    """The packet without the properties of these names, be they attributes or elements."""
    if not (prefixes := _prefixes(xmp, namespace)):
        return xmp
    name = b"%s:%s" % (prefixes, names)
    xmp = re.sub(rb"(?<!\s)\s+%s\s*=\s*(?:\"[^\"]*\"|'[^']*')" % name, b"", xmp)
    return _edited(xmp, name, lambda _: b"")


def _edited(xmp: bytes, name: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """The text, where each element of such a name is another; those that are never closed stay.

    Found in two passes: a pattern for whole elements would look from each start tag to the end of the packet.
    """
    ends: dict[bytes, list[int]] = {}
    for tag in re.finditer(rb"</(%s)>" % name, xmp):
        ends.setdefault(tag[1], []).append(tag.end())
    parts, at = [], 0
    for tag in re.finditer(rb"<(%s)(?:\s[^<>]*)?/?>" % name, xmp):
        closed = ends.get(tag[1], [])
        number = bisect_right(closed, tag.end())
        if tag.start() >= at and (tag[0].endswith(b"/>") or number < len(closed)):
            end = tag.end() if tag[0].endswith(b"/>") else closed[number]
            parts += [xmp[at : tag.start()], edit(xmp[tag.start() : end])]
            at = end
    return b"".join([*parts, xmp[at:]])


def _directory(text: bytes, prefixes: bytes, video: bool) -> bytes:
    """The list of what the file holds, with those items that it still does; nothing if that is the picture alone."""
    has_video = False

    def kept(entry: bytes) -> bytes:
        nonlocal has_video
        said = re.search(rb"%s:Semantic\s*(?:=\s*[\"']|>\s*)(Primary|MotionPhoto)\b" % prefixes, entry)
        if said is None or (said[1] == b"MotionPhoto" and not video):
            return b""
        has_video |= said[1] == b"MotionPhoto"
        return re.sub(rb"(%s:Padding\s*(?:=\s*[\"']|>\s*))\d+" % prefixes, rb"\g<1>0", entry)

    text = _edited(text, _LIST_ITEM, kept)
    return text if has_video else b""
