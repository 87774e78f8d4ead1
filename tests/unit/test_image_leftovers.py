"""What a file says of its picture that is not, or no longer, so: orientations in XMP, sizes, a gamma near sRGB's."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from darklift.image import decode_image, encode_image, from_array, from_pil, to_pil
from darklift.image.exif import tiff_block
from darklift.image.picture import Metadata, Picture
from darklift.image.spaces import colour_space_of
from pictures import noise

PACKET = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" xmp:Rating="4"/></x:xmpmeta>"""
SHAPES = [PACKET, PACKET.replace(b'tiff:Orientation="6"', b"tiff:Orientation = '6'")]
WIDTH, HEIGHT = 6, 4
ADOBE = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
PLAIN = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def photo(container: str, orientation: int | None, xmp: bytes = PACKET) -> bytes:
    stream, image = io.BytesIO(), Image.fromarray(noise(HEIGHT, WIDTH, 3))
    options: dict[str, object] = {"xmp": xmp}
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif.tobytes()
    if container == "PNG":
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode())
        options = {"pnginfo": texts, **{name: value for name, value in options.items() if name == "exif"}}
    image.save(stream, container, **options)
    return stream.getvalue()


# ----------------------------------------------------------------------------------------------- orientations in XMP


@pytest.mark.parametrize("xmp", SHAPES, ids=["plain", "spaced"])
@pytest.mark.parametrize("orientation", [None, 1])
@pytest.mark.parametrize("container", ["JPEG", "PNG", "WebP"])
def test_what_is_upright_says_so_in_xmp(container: str, orientation: int | None, xmp: bytes) -> None:
    picture = decode_image(photo(container, orientation, xmp))
    assert picture.size == (HEIGHT, WIDTH)
    found = picture.metadata.xmp or b""
    assert len(found) == len(xmp)
    assert (b"6" in found, b"4" in found) == (False, True)


def test_xmp_as_imagemagick_packs_it_into_a_png_is_xmp() -> None:
    """And not a text that goes on as it is, with an orientation by which others would turn the picture once more."""
    exif, chunks = Image.Exif(), PngInfo()
    exif[0x0112] = 6
    chunks.add_text("Raw profile type xmp", f"\nxmp\n{len(PACKET):8}\n{PACKET.hex()}\n", zip=True)
    stream = io.BytesIO()
    Image.fromarray(noise(HEIGHT, WIDTH, 3)).save(stream, "PNG", pnginfo=chunks, exif=exif)
    picture = decode_image(stream.getvalue())
    assert picture.size == (WIDTH, HEIGHT)
    assert picture.metadata.png_chunks == ()
    assert picture.metadata.xmp == PACKET.replace(b"6", b"1")
    broken = PngInfo()
    broken.add_text("Raw profile type xmp", "\nxmp\n       2\nno\n")
    stream = io.BytesIO()
    Image.fromarray(noise(HEIGHT, WIDTH, 3)).save(stream, "PNG", pnginfo=broken)
    assert decode_image(stream.getvalue()).metadata.notes == ("XMP that cannot be understood",)


@pytest.mark.parametrize("written", ["JPEG", "PNG", "WebP", "AVIF", "TIFF"])
@pytest.mark.parametrize("container", ["AVIF", "JPEG", "PNG", "WebP"])
def test_no_leftover_turns_what_is_written(container: str, written: str) -> None:
    """An AVIF is turned by its own box alone: one without is upright, whatever its XMP says."""
    picture = decode_image(photo(container, None))
    assert picture.size == (HEIGHT, WIDTH)
    assert ImageOps.exif_transpose(Image.open(io.BytesIO(encode_image(picture, written)))).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("orientation", [None, 1])
@pytest.mark.parametrize("written", ["JPEG", "WebP", "AVIF"])
def test_nor_what_pillow_saves(written: str, orientation: int | None) -> None:
    bright = to_pil(from_pil(Image.open(io.BytesIO(photo("JPEG", orientation)))))
    stream = io.BytesIO()
    bright.save(stream, written, **bright.info)
    assert ImageOps.exif_transpose(Image.open(stream)).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize("written", ["JPEG", "WebP", "AVIF", "TIFF"])
def test_nor_a_picture_made_in_memory(written: str) -> None:
    picture = Picture(from_array(noise(HEIGHT, WIDTH, 3)).pixels, metadata=Metadata(xmp=PACKET))
    assert ImageOps.exif_transpose(Image.open(io.BytesIO(encode_image(picture, written)))).size == (WIDTH, HEIGHT)
    assert b"6" not in to_pil(picture).info["xmp"]


# ---------------------------------------------------------------------------------------------- a gamma near sRGB's


def with_chunks(*chunks: tuple[bytes, bytes]) -> Picture:
    return Picture(from_array(noise(4, 6, 3)).pixels, metadata=Metadata(png_chunks=chunks))


@pytest.mark.parametrize("gamma", [45455, 45470])
def test_a_gamma_beside_other_primaries_is_meant(gamma: int) -> None:
    chunks = (b"gAMA", struct.pack(">I", gamma)), (b"cHRM", struct.pack(">8I", *ADOBE))
    space = colour_space_of(with_chunks(*chunks)).space
    assert space is not None
    dark = 20 / 255
    assert float(space.curves[0].decode(np.float32(dark))) == pytest.approx(dark ** (100_000 / gamma), rel=1e-3)


@pytest.mark.parametrize("primaries", [None, PLAIN, tuple(number + 5 for number in PLAIN)])
def test_beside_srgbs_or_none_it_stands_for_srgb(primaries: tuple[int, ...] | None) -> None:
    chunks = [(b"gAMA", struct.pack(">I", 45455))]
    if primaries is not None:
        chunks.append((b"cHRM", struct.pack(">8I", *primaries)))
    assert colour_space_of(with_chunks(*chunks)).space is None


# ------------------------------------------------------------------------------------------------- sizes in a TIFF


def described(text: str, orientation: int, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(noise(HEIGHT, WIDTH, 3)).convert(mode)
    image.save(stream, "TIFF", tiffinfo={270: text, 274: orientation, 315: "me"})
    return stream.getvalue()


def description(picture: Picture) -> object:
    exif = Image.Exif()
    exif.load(picture.metadata.exif or b"")
    assert exif[315] == "me"
    assert tiff_block(picture.metadata.exif or b"")
    return exif.get(270)


OME = f"""<?xml version="1.0"?><OME><Pixels SizeX="{WIDTH}" SizeY="{HEIGHT}"/></OME>"""
SHAPE = json.dumps({"shape": [HEIGHT, WIDTH, 3]})


@pytest.mark.parametrize(("text", "program"), [(SHAPE, "tifffile"), (OME, "OME")])
def test_sizes_in_a_description_that_turning_makes_wrong_are_left_out(text: str, program: str) -> None:
    picture = decode_image(described(text, 6))
    assert description(picture) is None
    (note,) = picture.metadata.notes
    assert program in note
    assert from_pil(Image.open(io.BytesIO(described(text, 6)))).metadata.notes == (note,)


@pytest.mark.parametrize("text", [SHAPE, OME, "A night in shape", '{"shape": [4'])
def test_those_that_are_right_stay(text: str) -> None:
    picture = decode_image(described(text, 1 if text in (SHAPE, OME) else 6))
    if text.endswith("[4"):  # of nothing that tifffile could read
        assert description(picture) is None
        return
    assert description(picture) == text
    assert picture.metadata.notes == ()
    assert description(decode_image(encode_image(picture, "TIFF"))) == text


@pytest.mark.parametrize(("mode", "shape"), [("L", [HEIGHT, WIDTH]), ("RGBA", [HEIGHT, WIDTH, 4])])
def test_channels_count(mode: str, shape: list[int]) -> None:
    assert description(decode_image(described(json.dumps({"shape": shape}), 1, mode))) is not None
    assert description(decode_image(described(json.dumps({"shape": [5, *shape]}), 1, mode))) is None  # one page of 5
