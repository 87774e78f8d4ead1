"""Small valid files to begin from, all made by code: one for each format and flavour, by the name of what they show."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from darklift.image import Metadata, Picture, Source, decode_frames, encode_frames, encode_image, from_array
from darklift.image.extras import Extra
from darklift.image.formats import FORMATS
from darklift.image.oiio import written_with
from darklift.image.photoshop import resource
from heif_files import box, full, heif_file
from profiles import ADOBE, LINEAR, P3, SRGB_CURVE, gamma, make_profile, table
from raw_files import dng_file, mosaic, raw_scene

__all__ = ["EXIF", "PROFILES", "RECORDS", "XMP", "seed_files"]

_SIZE = (12, 17)
_RNG = np.random.default_rng(0)


def _exif(orientation: int = 1) -> bytes:
    """With GPS, a maker note, the subject's place and a thumbnail."""
    block = Image.Exif()
    block[271], block[274], block[282], block[283], block[296] = "Maker", orientation, 300.0, 300.0, 2
    details = {0x9214: (3, 4, 5, 6), 0xA214: (3, 4), 0xA001: 0xFFFF, 0xA002: 17, 0xA003: 12, 0x927C: b"MAKER" * 5}
    block[0x8769] = details | {0xA005: {1: "R03", 2: b"0100"}, 0x9286: b"ASCII\0\0\0hello", 33434: 0.01}
    block[0x8825] = {1: "N", 2: (48.0, 8.0, 1.0)}
    plain = block.tobytes()
    return plain[:6] + _with_second_directory(plain[6:])


def _with_second_directory(block: bytes) -> bytes:
    order = "<" if block[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, first)
    at, little = first + 2 + 12 * count, _pillow("JPEG", "L", (8, 8))
    start = len(block)
    entries = [(259, 3, 1, 6), (513, 4, 1, start + 2 + 36 + 4), (514, 4, 1, len(little))]
    second = struct.pack(order + "H", 3)
    for tag, kind, number, value in entries:
        second += struct.pack(order + ("HHIHxx" if kind == 3 else "HHII"), tag, kind, number, value)
    return block[:at] + struct.pack(order + "I", start) + block[at + 4 :] + second + bytes(4) + little


def _pillow(kind: str, mode: str, size: tuple[int, int] = _SIZE[::-1], **options: object) -> bytes:
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = _RNG.integers(0, 256, (*size[::-1], channels), dtype=np.uint8)
    if mode == "1":
        image = Image.fromarray(values[:, :, 0]).convert("1")
    elif mode == "P":
        image = Image.fromarray(_RNG.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).quantize(16)
    else:
        image = Image.frombytes(mode, size, values.tobytes())
    stream = io.BytesIO()
    image.save(stream, kind, **options)  # type: ignore[arg-type]  # whatever Pillow takes
    return stream.getvalue()


EXIF = {f"orientation {number}": _exif(number) for number in (1, 3, 6)}

PROFILES = {
    "gamma": make_profile(ADOBE, gamma(2.2)),
    "formula": make_profile(P3, SRGB_CURVE, version=4, more={b"cicp": b"cicp" + bytes(4) + b"\x0c\x0d\0\1"}),
    "table": make_profile(P3, table([0, 0.1, 0.4, 1])),
    "gray": make_profile(None, gamma(1.8)),
    "gray lightness": make_profile(None, LINEAR, connection=b"Lab "),
}

_NAMESPACES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:mwg="http://www.metadataworkinggroup.com/schemas/regions/" '
    'xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#" xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#" '
    'xmlns:MP="http://ns.microsoft.com/photo/1.2/" xmlns:MPRI="http://ns.microsoft.com/photo/1.2/t/RegionInfo#" '
    'xmlns:MPReg="http://ns.microsoft.com/photo/1.2/t/Region#" '
    'xmlns:iptcExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" '
    'xmlns:Container="http://ns.google.com/photos/1.0/container/" '
    'xmlns:Item="http://ns.google.com/photos/1.0/container/item/" xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
)
_BODY = """
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">A &amp; b</rdf:li></rdf:Alt></dc:title>
<exif:SubjectArea><rdf:Seq><rdf:li>3</rdf:li><rdf:li>4</rdf:li><rdf:li>2</rdf:li>
<rdf:li>5</rdf:li></rdf:Seq></exif:SubjectArea>
<mwg:Regions rdf:parseType="Resource"><mwg:AppliedToDimensions stDim:w="17" stDim:h="12" stDim:unit="pixel"/>
<mwg:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource"><mwg:Area stArea:x=".4" stArea:y=".3"
 stArea:w=".1" stArea:h=".2" stArea:unit="normalized"/><mwg:Rotation>1.5</mwg:Rotation></rdf:li>
</rdf:Bag></mwg:RegionList></mwg:Regions>
<MP:RegionInfo rdf:parseType="Resource"><MPRI:Regions><rdf:Bag><rdf:li MPReg:Rectangle="0.1, 0.2, 0.3, 0.25"/></rdf:Bag>
</MPRI:Regions></MP:RegionInfo>
<iptcExt:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource"><iptcExt:RegionBoundary iptcExt:rbShape="circle"
 iptcExt:rbUnit="relative" iptcExt:rbX=".3" iptcExt:rbY=".4" iptcExt:rbRx=".1"/></rdf:li></rdf:Bag>
</iptcExt:ImageRegion>
<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">
<Container:Item Item:Semantic="Primary" Item:Padding="5"/>
</rdf:li><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Length="99"/></rdf:li></rdf:Seq>
</Container:Directory><xmp:Thumbnails><rdf:Alt><rdf:li>AAAA</rdf:li></rdf:Alt></xmp:Thumbnails>
"""
XMP = {
    "regions": (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF {_NAMESPACES}><rdf:Description rdf:about="" tiff:Orientation="6" tiff:ImageWidth="17" '
        'tiff:ImageLength="12" crs:CropLeft=".1" crs:CropTop=".2" crs:CropRight=".8" crs:CropBottom="1" '
        'GCamera:MotionPhoto="1" hdrgm:Version="1.0" xmpNote:HasExtendedXMP="AB" xmp:Rating="5">'
        f'{_BODY}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode(),
    "short": (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"/></rdf:RDF></x:xmpmeta>'
    ),
}

_IPTC = b"\x1c\x01\x5a\x00\x03\x1b%G" + b"".join(
    struct.pack(">3BH", 0x1C, 2, number, len(text)) + text
    for number, text in ((5, b"Title"), (25, b"night"), (25, b"sky"), (55, b"20260131"), (60, b"235959+0100"))
)
_PHOTOSHOP = resource(0x040A, b"\1") + resource(0x040B, b"https://example.org") + resource(0x0408, bytes(16))
RECORDS = {"iptc": _IPTC, "photoshop": _PHOTOSHOP + resource(0x0404, _IPTC) + resource(0x040C, bytes(28))}


def _pictures() -> Iterator[tuple[str, Picture]]:
    for colour in ("gray", "colour"):
        for see_through in (False, True):
            values = _RNG.random((*_SIZE, 3), dtype=np.float32)
            gray = colour == "gray"
            pixels = np.repeat(values[:, :, :1], 3, axis=2) if gray else values
            alpha = _RNG.random(_SIZE, dtype=np.float32) if see_through else None
            name = f"{colour} {'alpha' if see_through else 'opaque'}"
            yield name, Picture(pixels, alpha=alpha, gray=gray, source=Source(bits=16))


def _metadata(gray: bool) -> Metadata:
    return Metadata(
        exif=_exif(),
        icc_profile=None if gray else PROFILES["gamma"],
        dpi=(300.0, 150.0),
        xmp=XMP["regions"],
        iptc=_IPTC,
        comment=b"a comment",
        photoshop=_PHOTOSHOP,
        png_chunks=(
            (b"tEXt", b"Title\0night"),
            (b"zTXt", b"Author\0\0" + zlib.compress(b"me")),
            (b"gAMA", b"\0\0\xb1\x8f"),
        ),
        thumbnail=True,
    )


def _written() -> Iterator[tuple[str, str, bytes]]:
    """(format, what, file) of all that darklift writes, plain and with everything that a picture can carry."""
    for name, picture in _pictures():
        for kind in FORMATS:
            if kind.encode is None or not kind.is_installed or (picture.alpha is not None and not kind.alpha):
                continue
            for bits in kind.bits:
                if bits in (kind.bits[0], kind.bits[-1]):
                    yield kind.name, f"{name} {bits}", encode_image(picture, kind.name, bits=bits)
            full_one = replace(picture, metadata=_metadata(picture.gray))
            yield kind.name, f"{name} described", encode_image(full_one, kind.name, bits=kind.bits[0])


def _by_pillow() -> Iterator[tuple[str, str, bytes]]:
    def frames() -> dict[str, object]:
        return {"save_all": True, "append_images": [Image.new("RGB", _SIZE[::-1], "red")]}

    described = {"exif": _exif(6), "icc_profile": PROFILES["gamma"]}
    for mode in ("1", "L", "P"):
        yield "BMP", mode, _pillow("BMP", mode)
        yield "GIF", mode, _pillow("GIF", mode)
        yield "PNG", mode, _pillow("PNG", mode, **described)
        yield "TIFF", mode, _pillow("TIFF", mode, compression="packbits")
    yield "GIF", "animation", _pillow("GIF", "RGB", **frames())
    yield "PNG", "clear colour", _pillow("PNG", "RGB", transparency=(1, 2, 3))
    yield "PNG", "animation", _pillow("PNG", "RGB", **frames())
    yield "WebP", "animation", _pillow("WEBP", "RGB", **frames())
    yield "AVIF", "animation", _pillow("AVIF", "RGB", **frames())
    yield "JPEG", "CMYK", _pillow("JPEG", "CMYK")
    yield "JPEG", "progressive", _pillow("JPEG", "RGB", progressive=True, subsampling="4:2:0", **described)
    yield "JPEG", "restarts", _pillow("JPEG", "RGB", restart_marker_blocks=1, xmp=XMP["regions"], comment=b"hello")
    yield "JPEG", "MPO", _pillow("MPO", "RGB", **frames())
    yield "JPEG2000", "lossy", _pillow("JPEG2000", "RGB", irreversible=True, quality_layers=[20])
    yield "JPEG2000", "codestream", _pillow("JPEG2000", "RGB", no_jp2=True)
    for how in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "group4"):
        yield "TIFF", how, _pillow("TIFF", "1" if how == "group4" else "RGB", compression=how)
    yield "TIFF", "CMYK", _pillow("TIFF", "CMYK", compression="tiff_lzw")
    yield "TIFF", "pages", _pillow("TIFF", "RGB", **frames())
    jpeg = _pillow("JPEG", "RGB", xmp=XMP["regions"], **described)
    gain_map = _pillow("JPEG", "L", xmp=XMP["regions"])
    yield "JPEG", "gain map", jpeg + gain_map + bytes(16)
    yield "JPEG", "motion photo", jpeg + box(b"ftyp", b"mp42", bytes(4)) + box(b"mdat", bytes(20))
    yield "JPEG", "cut", jpeg[:-2]


def _clips() -> Iterator[tuple[str, str, bytes]]:
    """Animations whose frames are parts, clear, of several times and removed again in every way; pages that differ."""
    size = _SIZE[::-1]
    frames = [Image.new("RGBA", size, colour) for colour in ("red", "#00ff0080", "#0000")]
    for number, frame in enumerate(frames):
        frame.paste((10, 20, 200, 255), (3 * number, 2, 3 * number + 5, 7))
    first, *others = frames
    more = {"save_all": True, "append_images": [*others, first], "duration": [40, 100, 250, 10], "loop": 3}
    described = {"exif": _exif(6), "icc_profile": PROFILES["gamma"]}

    def made(kind: str, image: Image.Image = first, **options: object) -> bytes:
        stream = io.BytesIO()
        image.save(stream, kind, **(more | options))  # type: ignore[arg-type]  # whatever Pillow takes
        return stream.getvalue()

    for disposal in (0, 1, 2):
        yield "PNG", f"clip removed by {disposal}", made("PNG", disposal=disposal, blend=disposal % 2, **described)
        yield "GIF", f"clip removed by {disposal}", made("GIF", disposal=disposal + 1)
    yield "PNG", "clip with a still", made("PNG", default_image=True)
    yield "WebP", "clear clip", made("WEBP", xmp=XMP["regions"], **described)
    yield "WebP", "lossless clip", made("WEBP", lossless=True, minimize_size=True)
    yield "WebP", "mixed clip", made("WEBP", allow_mixed=True, kmin=1, kmax=2)
    yield "AVIF", "clear clip", made("AVIF", xmp=XMP["regions"], exif=_exif(), icc_profile=PROFILES["gamma"])
    pictures = [picture for name, picture in _pictures() if name.startswith("colour")]
    like = decode_frames(made("PNG"))
    for bits in (8, 16):
        clip = [pictures[-1]] * 4
        yield "PNG", f"clip of {bits} bits", encode_frames(clip, "PNG", like, bits=bits)
    pages = decode_frames(_pillow("TIFF", "RGB", save_all=True, append_images=[Image.new("L", (5, 9)), first]))
    three = (pictures[0], replace(pictures[1], metadata=_metadata(gray=False)), next(_pictures())[1])
    yield "TIFF", "pages that differ", encode_frames(three, "TIFF", pages)
    tall = Picture(_RNG.random((70, 9, 3), dtype=np.float32))
    for kind in ("JPEG", "PNG", "TIFF", "WebP"):
        yield kind, "tall", encode_image(tall, kind)
        yield kind, "sliver", encode_image(replace(tall, held=from_array(np.full((1, 90, 3), 9, np.uint8)).held), kind)


def _by_tifffile() -> Iterator[tuple[str, str, bytes]]:
    def made(dtype: str, channels: int = 3, **options: object) -> bytes:
        shape = (40, 33, channels) if channels > 1 else (40, 33)
        values = _RNG.random(shape)
        stream = io.BytesIO()
        samples = values.astype(dtype) if dtype[0] == "f" else (values * np.iinfo(dtype).max).astype(dtype)
        tifffile.imwrite(stream, samples, metadata=None, software=False, **options)
        return stream.getvalue()

    yield "TIFF", "tiled 16", made("u2", tile=(16, 16), photometric="rgb", compression="zlib", predictor=True)
    stream = io.BytesIO()
    planes = _RNG.integers(0, 2**16, (3, 9, 7), dtype=np.uint16)
    tifffile.imwrite(stream, planes, photometric="rgb", planarconfig="separate", metadata=None)
    yield "TIFF", "planar 16", stream.getvalue()
    yield "TIFF", "BigTIFF 16", made("u2", bigtiff=True, photometric="rgb", compression="lzw")
    yield "TIFF", "BigTIFF big-endian", made("u2", bigtiff=True, byteorder=">", photometric="rgb")
    yield "TIFF", "half", made("f2", photometric="rgb", compression="zlib")
    yield "TIFF", "float predicted", made("f4", photometric="rgb", compression="zlib", predictor=3)
    yield "TIFF", "double", made("f8", 1)
    yield "TIFF", "white is zero", made("u2", 1, photometric="miniswhite")
    yield "TIFF", "alpha", made("u2", 4, photometric="rgb", extrasamples=["assocalpha"], compression="packbits")
    yield "TIFF", "32", made("u4", 3, photometric="rgb", byteorder=">")
    yield "TIFF", "zstd", made("u2", 3, photometric="rgb", compression="zstd")


def _by_others() -> Iterator[tuple[str, str, bytes]]:
    exif = _exif(6)[6:]
    yield "HEIF", "8", heif_file(exif=exif, xmp=XMP["regions"])
    yield "HEIF", "10", heif_file(full(b"pixi", b"\3\x0a\x0a\x0a"), box(b"irot", b"\1"), bits=10)
    light = raw_scene((32, 48))
    little = _RNG.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    yield "RAW", "DNG", dng_file(mosaic(light))
    yield "RAW", "DNG with a preview", dng_file(mosaic(light), preview=little, jpeg=True, orientation=6)
    yield "RAW", "DNG big-endian", dng_file(mosaic(light), preview=little, order=">")
    yield "RAW", "linear DNG", dng_file((light * 4000).astype(np.uint16))
    extra = Extra("OpenImageIO", "OpenImageIO", "exr")
    half = _RNG.random((*_SIZE, 3)).astype("f2")
    for compression in ("none", "zip", "piz", "dwaa"):
        facts = {"compression": compression, "Make": "Maker"}
        yield "EXR", compression, written_with(extra, "a seed", ".exr", half, facts)
    yield "EXR", "alpha", written_with(extra, "a seed", ".exr", _RNG.random((*_SIZE, 4)).astype("f4"), {})
    yield "HDR", "colour", written_with(extra, "a seed", ".hdr", half.astype("f4"), {})
    yield "PPM", "plain", b"P3\n# by hand\n3 2\n255\n" + b" ".join(b"%d" % value for value in range(18))
    yield "PPM", "bitmap", b"P4\n9 2\n\x80\x80\x40\x00"


@cache
def seed_files() -> dict[str, dict[str, bytes]]:
    """Format by format, in each the files by what is special in them."""
    found: dict[str, dict[str, bytes]] = {}
    for makers in (_written(), _by_pillow(), _clips(), _by_tifffile(), _by_others()):
        for kind, name, data in makers:
            found.setdefault(kind, {})[name] = data
    return found
