"""HEIC files put together out of their boxes, around a tiny picture that was coded once.

The picture is 96 wide and 64 high: red rises to the right, green downwards, blue both ways.
"""

import base64
import struct

import numpy as np

__all__ = ["HEIF_SIZE", "box", "heif_file", "heif_scene"]

HEIF_SIZE = (64, 96)
_CONFIG_8 = base64.b64decode(
    "AQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQArQgEBA3AAAAMAkAAAAwAAAwAe"
    "oDCBBZbqSSmubgIaDAgAAAMAyAAAAwAIQGIAAQAHRAHBcrAiQA=="
)
_DATA_8 = base64.b64decode(
    "AAABpygBrwT431ON6877uxdnQjhK0ZMPY7b1ltPfc/BcY/ZPz5dv/V+nYs/OeNPez+in+S7TUvIbuSJg1cOcorRFWu2fvFOiH7br"
    "JNvOeinePfvL50dodxnIuN+41WubHkkECTKCD9+Nj1ZB2AJH+bHsbfrpPqCDWRBHOSbo2H87ZaIkhNA5kZpFSvulTRxx6E1AvA+Z"
    "vNTn1EHryPNb5cSJrU9AO/Xs6zssx9W5xVgRJrZK0Yk8vm0eXTrlb3RrW741SHUcOVG5YPqLBfb4sUnzO76eBD5yF1Ol0nCrLjl9"
    "ivFv6WzDV1BjFc1ePACzYXetlXUoYgqHW4yD1FYrUucHZktdMr8UnfrSv9VF10FfPKO1fRej67mfzqjb9JIl6nN+AwMew9899bBv"
    "jeDgX/sP9Smz6/U5HHui7WWY30r3dZ+MgMVXEKwiOpZZUkb/qtMLWwgpd12NNTiIfaM4JG8bOZx2K2YaR3GLfNB5mWEcZWrL8rTq"
    "cNLqdGllX8niR/uSr4x4zTmdyaghW5XmYuyEQx+pPn4/w3PCdAL5Pmgy5Kc15Wm/CR32Hg=="
)
_CONFIG_10 = base64.b64decode(
    "AQQIAAAAnbgAAAAAHvAA/P36+gAADwNgAAEAF0ABDAH//wQIAAADAJ24AAADAAAeugJAYQABAClCAQEECAAAAwCduAAAAwAAHqAw"
    "gQTZbqSSmubgIaDAgAAADIAAAAMAhGIAAQAHRAHBcrAiQA=="
)
_DATA_10 = base64.b64decode(
    "AAABNSgBrwT4mydFGP9D4RNVSjMs1p0ydhhsFw7e15H/po8Ed2a6+kM79Z7Qn+/8/E7ImDUipyiqn1aujU6joHZsy0FAXn95HNfY"
    "j3TsTmp0UhIvUSUK+u6a/bfWtcj4wmXscIipyW5JaHC2ULmCvkjCzMWK42bWnWvQ6RLXTiBRsNTGNITwNOK4eze+JR83Q+TZIFEJ"
    "8jhjarIso1Uj4OTDJO34NXcFm1QXPCXFMoBG/EMkLkjJK0nL4WtsGvPxoeH7OjbBJZMx/Hmk0nA7ey9ZAFJXC1hg7jhDO2JKApmg"
    "PCHXx6YwTdgYRIRLubv0PP2CJP8dis7ymLj6AiTupN5p9/Ua++iIFNLgMRgBD7ZLoBZh7hr2qXbLG5N/qi10NiDbLbF3WXoBlrVp"
    "S0HTVVuKvL9eLbXawA=="
)


def heif_scene() -> np.ndarray:
    """What the picture shows, in [0, 255], before it was coded."""
    height, width = HEIF_SIZE
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, (x + 2 * y) // 2], 2)


def box(kind: bytes, *contents: bytes) -> bytes:
    data = b"".join(contents)
    return struct.pack(">I4s", len(data) + 8, kind) + data


def full(kind: bytes, *contents: bytes, version: int = 0) -> bytes:
    return box(kind, bytes([version, 0, 0, 0]), *contents)


def heif_file(
    *properties: bytes,
    bits: int = 8,
    brand: bytes = b"heic",
    exif: bytes | None = None,
    xmp: bytes | None = None,
    auxiliary: str | None = None,
    tone_map: bool = False,
    pictures: int = 1,
    behind: bytes = b"",
) -> bytes:
    """A file with these further properties of its picture, in the order they apply in.

    auxiliary: the kind of a second, auxiliary picture. tone_map: with a gain map by ISO 21496-1, hidden, and the
    picture that is derived by it (ISO/IEC 23008-12, amendment 1). pictures: how many times it holds the picture.
    """
    config, data = (_CONFIG_8, _DATA_8) if bits == 8 else (_CONFIG_10, _DATA_10)
    ispe = full(b"ispe", struct.pack(">2I", *HEIF_SIZE[::-1]))
    listed = [box(b"hvcC", config), ispe, full(b"pixi", bytes([3, bits, bits, bits])), *properties]
    items: list[tuple[bytes, bytes, bytes]] = [(b"hvc1", b"", data)] * pictures
    references = b""
    own = {number: list(range(1, len(listed) + 1)) for number in range(1, pictures + 1)}
    if auxiliary is not None:
        listed.append(full(b"auxC", auxiliary.encode() + b"\0"))
        items.append((b"hvc1", b"", data))
        own[len(items)] = [1, 2, 3, len(listed)]
        references += box(b"auxl", struct.pack(">3H", len(items), 1, 1))
    hidden = set()
    if tone_map:
        gain_map = len(items) + 1
        items += [(b"hvc1", b"", data), (b"tmap", b"", bytes(62))]
        own |= {gain_map: [1, 2, 3], gain_map + 1: [2, 3]}
        hidden.add(gain_map)
        references += box(b"dimg", struct.pack(">4H", gain_map + 1, 2, 1, gain_map))
    if exif is not None:
        items.append((b"Exif", b"", bytes(4) + exif))
        references += box(b"cdsc", struct.pack(">3H", len(items), 1, 1))
    if xmp is not None:
        items.append((b"mime", b"application/rdf+xml\0", xmp))
        references += box(b"cdsc", struct.pack(">3H", len(items), 1, 1))
    entries = [
        box(b"infe", bytes([2, 0, 0, number in hidden]), struct.pack(">2H4s", number, 0, kind), b"\0", more)
        for number, (kind, more, _) in enumerate(items, start=1)
    ]
    table = b"".join(
        struct.pack(">HB", number, len(used)) + bytes(0x80 | at for at in used) for number, used in own.items()
    )
    head = box(b"ftyp", brand, bytes(4), b"mif1", brand)

    def meta(start: int) -> bytes:
        places = b""
        for number, (_, _, contents) in enumerate(items, start=1):
            places += struct.pack(">HHHII", number, 0, 1, start, len(contents))
            start += len(contents)
        return full(
            b"meta",
            full(b"hdlr", bytes(4), b"pict", bytes(13)),
            full(b"pitm", struct.pack(">H", 1)),
            full(b"iloc", b"\x44\0", struct.pack(">H", len(items)), places),
            full(b"iinf", struct.pack(">H", len(items)), *entries),
            full(b"iref", references) if references else b"",
            box(b"iprp", box(b"ipco", *listed), full(b"ipma", struct.pack(">I", len(own)), table)),
        )

    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", *(contents for _, _, contents in items)) + behind
