"""What an XMP packet says of the rest of its file, set right when that rest is not there any more.

A phone's packet counts the pictures and the video behind a JPEG, with their lengths. The text is edited in place, since
a packet that is parsed and written anew is another packet. Sources: Android's *Motion Photo format 1.0* and *Ultra HDR
image format 1.1*, and for the older MicroVideo what Pixel phones write.
"""

import re

__all__ = ["without_claims", "without_development", "without_thumbnails"]

_CAMERA = b"http://ns.google.com/photos/1.0/camera/"
_CONTAINER = b"http://ns.google.com/photos/1.0/container/"
_ITEM = b"http://ns.google.com/photos/1.0/container/item/"
_GAIN_MAPS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"http://ns.apple.com/HDRGainMap/1.0/")
_XMP = b"http://ns.adobe.com/xap/1.0/"
_DEVELOPMENT = b"http://ns.adobe.com/camera-raw-settings/1.0/"
_NOTE = b"http://ns.adobe.com/xmp/note/"

_LIST_ITEM = re.compile(rb"<\w+:li\b[^>]*/>|<\w+:li\b.*?</\w+:li>", re.DOTALL)


def without_claims(xmp: bytes, *, video: bool = False) -> bytes:
    """The packet for a file that holds its picture and nothing else, or that and the ``video`` as it was.

    Pictures behind the first, gain maps and extended XMP are claimed no more. The rest stays byte for byte.
    """
    for namespace in _GAIN_MAPS:
        xmp = _without(xmp, namespace, rb"\w+")
    xmp = _without(xmp, _NOTE, b"HasExtendedXMP")
    if not video:
        xmp = _without(xmp, _CAMERA, rb"(?:MotionPhoto|MicroVideo)\w*")
    items = _prefixes(xmp, _ITEM)
    for prefix in _prefixes(xmp, _CONTAINER):
        directory = re.compile(rb"<%s:Directory\b[^>]*>.*?</%s:Directory>" % (prefix, prefix), re.DOTALL)
        xmp = directory.sub(lambda found: _directory(found[0], items, video), xmp)
    return xmp


def without_thumbnails(xmp: bytes) -> bytes:
    """The packet without little pictures of its photo. The rest stays byte for byte."""
    return _without(xmp, _XMP, b"Thumbnails") if b"Thumbnails" in xmp else xmp


def without_development(xmp: bytes) -> bytes:
    """The packet without the settings by which Adobe's programs develop a raw file: they would do it once more."""
    return _without(xmp, _DEVELOPMENT, rb"\w+")


def _prefixes(xmp: bytes, namespace: bytes) -> set[bytes]:
    """What a namespace goes by in this packet."""
    return set(re.findall(rb"xmlns:(\w+)\s*=\s*[\"']%s[\"']" % re.escape(namespace), xmp))


def _without(xmp: bytes, namespace: bytes, names: bytes) -> bytes:
    """The packet without the properties of these names, be they attributes or elements."""
    for prefix in _prefixes(xmp, namespace):
        name = rb"%s:%s" % (prefix, names)
        xmp = re.sub(rb"(?<!\s)\s+%s\s*=\s*(?:\"[^\"]*\"|'[^']*')" % name, b"", xmp)
        xmp = re.sub(rb"<(%s)(?:\s[^>]*)?(?:/>|(?<!/)>.*?</\1>)" % name, b"", xmp, flags=re.DOTALL)
    return xmp


def _directory(text: bytes, prefixes: set[bytes], video: bool) -> bytes:
    """The list of what the file holds, with those items that it still does; nothing if that is the picture alone."""
    stays = (b"Primary", b"MotionPhoto") if video else (b"Primary",)
    item = b"|".join(sorted(prefixes)) or b"Item"

    def says(entry: bytes, semantic: bytes) -> bool:
        return re.search(rb"(?:%s):Semantic\s*(?:=\s*[\"']|>\s*)%s\b" % (item, semantic), entry) is not None

    entries = _LIST_ITEM.findall(text)
    kept = [entry for entry in entries if any(says(entry, semantic) for semantic in stays)]
    if not any(says(entry, b"MotionPhoto") for entry in kept):
        return b""
    for entry in entries:
        fitting = re.sub(rb"((?:%s):Padding\s*(?:=\s*[\"']|>\s*))\d+" % item, rb"\g<1>0", entry)
        text = text.replace(entry, fitting if entry in kept else b"", 1)
    return text
