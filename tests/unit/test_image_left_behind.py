"""darklift.image on what a file holds and its picture does not: each has a word in the notes."""

import io
import struct
import zlib
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from darklift.image import Metadata, decode_frames, decode_image, encode_image, from_array, from_pil
from darklift.image.boxes import heif_facts
from darklift.image.formats import FORMATS
from darklift.image.gif_blocks import gif_blocks
from heif_files import box, heif_file
from pictures import noise

RIGHTS = "{http://ns.adobe.com/xap/1.0/rights/}"


def saved(container: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise(6, 8, 3)).save(stream, container, **options)
    return stream.getvalue()


def notes_on(data: bytes) -> str:
    return "; ".join(decode_image(data).metadata.notes)


def resource(number: int, contents: bytes, name: bytes = b"") -> bytes:
    padded = bytes([len(name)]) + name + bytes((len(name) + 1) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + padded
        + struct.pack(">I", len(contents))
        + contents
        + bytes(len(contents) % 2)
    )


def jpeg_with(*resources: bytes) -> bytes:
    contents = b"Photoshop 3.0\0" + b"".join(resources)
    return saved("JPEG", extra=b"\xff\xed" + struct.pack(">H", len(contents) + 2) + contents)


def test_plain_files_leave_nothing_behind() -> None:
    for container in ("JPEG", "PNG", "WebP", "TIFF", "JPEG2000", "AVIF", "BMP"):
        assert notes_on(saved(container)) == "", container
    assert heif_facts(heif_file()).notes == []


def test_chunks_of_a_png_that_are_not_known() -> None:
    chunks = PngInfo()
    chunks.add(b"caBX", b"credentials")
    chunks.add(b"bKGD", bytes(6))
    chunks.add(b"prVt", b"mine")
    chunks.add(b"iDOT", bytes(28))  # about how the pixels are packed, no more
    said = notes_on(saved("PNG", pnginfo=chunks))
    assert "content credentials" in said
    assert "(prVt, bKGD)" in said  # as they stand in the file
    assert "iDOT" not in said


def test_an_opened_png_keeps_its_texts_too() -> None:
    chunks = PngInfo()
    chunks.add_text("Title", "Night")
    chunks.add(b"prVt", b"mine")
    metadata = from_pil(Image.open(io.BytesIO(saved("PNG", pnginfo=chunks)))).metadata
    assert metadata.png_chunks == ((b"tEXt", b"Title\0Night"),)
    assert "prVt" in metadata.notes[0]


def test_chunks_of_a_webp_that_are_not_known() -> None:
    data = saved("WebP", xmp=b"<x/>")  # of the extended kind, which can have more
    data += b"C2PA" + struct.pack("<I", 2) + b"ab" + b"abcd" + struct.pack("<I", 2) + b"ab"
    data = data[:4] + struct.pack("<I", len(data) - 8) + data[8:]
    said = notes_on(data)
    assert "content credentials" in said
    assert "(abcd)" in said


def test_boxes_that_are_not_known() -> None:
    said = notes_on(encode_image(decode_image(saved("PNG")), "jp2") + box(b"xml ", b"<x/>"))
    assert "(xml)" in said
    credentials = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
    said = notes_on(saved("AVIF") + box(b"uuid", credentials, bytes(8)) + box(b"abcd", bytes(8)))
    assert "content credentials" in said
    assert "abcd" in said


def test_boxes_of_a_jpeg_xl() -> None:
    pytest.importorskip("OpenImageIO", reason="the extra jxl is not installed: pip install 'darklift[jxl]'")
    data = encode_image(from_pil(Image.fromarray(noise(6, 8, 3))), "jxl")
    assert notes_on(data) == ""
    said = notes_on(data + box(b"jumb", bytes(8)) + box(b"abcd", bytes(8)) + box(b"\x1b[2J", bytes(8)))
    assert "content credentials" in said
    assert "abcd" in said
    assert said.isprintable()  # a file cannot speak to the terminal


def test_pictures_below_the_first_of_a_tiff_and_its_layers() -> None:
    said = notes_on(saved("TIFF", tiffinfo={330: 8, 37724: b"layers"}))
    assert "pictures below the first" in said
    assert "layers" in said


@pytest.mark.parametrize("container", ["JPEG", "TIFF"])
@pytest.mark.parametrize("deep", [False, True])
def test_photoshop_s_copyright_mark_and_address_stay(container: str, deep: bool) -> None:
    records = [
        resource(0x040A, b"\1"),
        resource(0x040B, b"https://me.example/"),
        resource(0x0404, b"\x1c\2\x5a\0\3Ulm"),
    ]
    if container == "TIFF" and deep:
        stream = io.BytesIO()
        Image.fromarray(np.zeros((4, 4), np.uint16)).save(stream, "TIFF", tiffinfo={34377: b"".join(records)})
        data = stream.getvalue()
    else:
        data = saved("TIFF", tiffinfo={34377: b"".join(records)}) if container == "TIFF" else jpeg_with(*records)
    picture = decode_image(data)
    assert picture.metadata.notes == ()
    assert picture.metadata.iptc == b"\x1c\2\x5a\0\3Ulm"
    for kept in ("JPEG", "TIFF"):
        assert b"https://me.example/" in (decode_image(encode_image(picture, kept)).metadata.photoshop or b"")
    packet = ElementTree.fromstring(Image.open(io.BytesIO(encode_image(picture, "WebP"))).info["xmp"])
    assert [node.text for node in packet.iter(f"{RIGHTS}Marked")] == ["True"]
    assert [node.text for node in packet.iter(f"{RIGHTS}WebStatement")] == ["https://me.example/"]


CLAIMS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:hdrgm="http://ns.adobe.com/'
    b'hdr-gain-map/1.0/" xmlns:apple="http://ns.apple.com/HDRGainMap/1.0/" xmp:Rating="4"%s/></rdf:RDF></x:xmpmeta>'
)
GAIN_MAP = CLAIMS % b' hdrgm:Version="1.0" hdrgm:GainMapMax="2.3" apple:HDRGainMapVersion="131072"'


@pytest.mark.parametrize("by", ["tmap", "an auxiliary picture"])
def test_the_gain_map_of_a_heic_is_named_once_and_not_claimed(by: str) -> None:
    pytest.importorskip("pi_heif", reason="the extra heif is not installed")
    apples = {"auxiliary": "urn:com:apple:photo:2020:aux:hdrgainmap"}
    data = heif_file(xmp=GAIN_MAP, **({"tone_map": True} if by == "tmap" else apples))
    picture = decode_image(data)
    gain_map, _ = picture.metadata.notes
    assert "gain map" in gain_map
    assert picture.metadata.xmp == CLAIMS % b""
    for kind in ("JPEG", "AVIF", "PNG"):
        written = encode_image(picture, kind)
        assert b"tmap" not in written
        assert b"GainMap" not in written.replace(b"ns.apple.com/HDRGainMap", b"")


@pytest.mark.parametrize("kind", ["AVIF", "JPEGXL"])
def test_a_gain_map_that_is_gone_is_not_claimed_by_xmp(kind: str) -> None:
    known = next(each for each in FORMATS if each.name == kind)
    if not known.is_installed:
        pytest.skip(f"the library for {kind} is not installed")
    claiming = replace(from_array(noise(16, 16, 3)), metadata=Metadata(xmp=GAIN_MAP))
    data = encode_image(claiming, kind)
    assert b"hdrgm:Version" in data
    if kind == "JPEGXL":
        data += box(b"jhgm", bytes(4))
    metadata = decode_image(data).metadata
    assert metadata.xmp == CLAIMS % b""
    assert any("gain map" in note for note in metadata.notes) == (kind == "JPEGXL")


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WebP", "AVIF", "JPEG2000"])
def test_bytes_behind_the_end(container: str) -> None:
    data = saved(container)
    assert "13 bytes behind the picture" in notes_on(data + b"appended here")
    if container not in ("AVIF", "JPEG2000"):  # where eight zeros are a box
        assert notes_on(data + bytes(20)) == ""


def test_bytes_behind_an_animation() -> None:
    frames = [Image.fromarray(noise(6, 8, 3, seed=seed)) for seed in (1, 2)]
    for container in ("PNG", "WebP"):
        stream = io.BytesIO()
        frames[0].save(stream, container, save_all=True, append_images=frames[1:], lossless=True)
        found = decode_frames(stream.getvalue() + b"appended here")
        assert len(found) == 2
        for number in (1, 2):
            assert "13 bytes behind the picture" in "; ".join(found.picture(number).metadata.notes), container


def test_bytes_behind_the_last_box_of_a_heic() -> None:
    (note,) = heif_facts(heif_file() + b"appended here").notes
    assert "13 bytes" in note


def gif_with(*blocks: bytes, frames: int = 1) -> bytes:
    stream = io.BytesIO()
    pictures = [Image.fromarray(noise(6, 8, 1)[:, :, 0] // (1 + number)) for number in range(frames)]
    pictures[0].save(stream, "GIF", save_all=True, append_images=pictures[1:], comment=b"first")
    return stream.getvalue()[:-1] + b"".join(blocks) + b";"


GIF_XMP = b"!\xff\x0bXMP DataXMP%s\x01" + bytes(range(255, -1, -1)) + b"\0"
RATED = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></rdf:RDF></x:xmpmeta>'
)


@pytest.mark.parametrize("frames", [1, 3])
def test_blocks_of_a_gif(frames: int) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    parts = b"".join(
        bytes([len(part)]) + part for part in (profile[at : at + 255] for at in range(0, len(profile), 255))
    )
    blocks = (
        GIF_XMP.replace(b"%s", RATED),
        b"!\xff\x0bICCRGBG1012" + parts + b"\0",
        b"!\xff\x0bMGK8BIM0000\x02ab\0",
        b"!\xfe\x06second\0",
    )
    data = gif_with(*blocks, frames=frames) + b"behind"
    picture = decode_frames(data).picture(1)
    metadata = picture.metadata
    assert metadata.xmp == RATED
    assert metadata.icc_profile == profile
    assert metadata.comments == (b"first", b"second")
    assert "; ".join(metadata.notes).startswith(
        "blocks that are not known here (MGK8BIM0000); 6 bytes behind the picture that are not known here"
    )
    image = Image.open(io.BytesIO(encode_image(picture, "png")))
    image.load()
    assert image.info["XML:com.adobe.xmp"].encode() == RATED
    if frames == 1:
        theirs = Image.open(io.BytesIO(data))
        assert from_pil(theirs).metadata == replace(metadata, notes=metadata.notes[:2])
        assert theirs.info["comment"] == b"first"


def test_a_gif_that_ends_anywhere_is_walked_to_there() -> None:
    data = gif_with(GIF_XMP.replace(b"%s", RATED))
    found = [gif_blocks(data[:length]).xmp for length in range(len(data) + 1)]
    assert found == [None] * (len(data) - 1) + [RATED] * 2  # with the end of the file or without


@pytest.mark.parametrize("kind", ["ppm", "pgm", "pam", "pfm", "deep"])
def test_what_is_behind_samples(kind: str) -> None:
    picture = from_array(noise(6, 8, 3))
    data = encode_image(picture, "ppm", bits=16) if kind == "deep" else encode_image(picture, kind)
    assert notes_on(data) == notes_on(data + b"\n") == ""
    assert notes_on(data + data) == "further pictures behind the first"
    assert notes_on(data + b"notes") == "5 bytes behind the picture that are not known here"


def jpeg_of(*segments: tuple[int, bytes]) -> bytes:
    data = saved("JPEG")
    start = 4 + int.from_bytes(data[4:6], "big")  # behind Pillow's own JFIF header
    made = b"".join(struct.pack(">2BH", 0xFF, marker, len(contents) + 2) + contents for marker, contents in segments)
    return data[:2] + made + data[start:]


def jfif(unit: int, density: tuple[int, int], thumbnail: tuple[int, int] = (0, 0)) -> tuple[int, bytes]:
    shape = struct.pack(">B2H2B", unit, *density, *thumbnail)
    return 0xE0, b"JFIF\0\1\1" + shape + bytes(3 * thumbnail[0] * thumbnail[1])


def test_little_pictures_in_jfif() -> None:
    plain = jfif(0, (1, 1))
    said = "the little picture of the dark photo in its JFIF segments"
    assert notes_on(jpeg_of(plain)) == ""
    assert notes_on(jpeg_of(jfif(0, (1, 1), (4, 3)))) == said
    assert notes_on(jpeg_of(plain, (0xE0, b"JFXX\0\x13\1\1abc"))) == said


def test_a_comment_in_photoshop_s_note_on_quality() -> None:
    quality = b"Ducky\0\1\0\4\0\0\0\x3c"
    assert notes_on(jpeg_of((0xEC, quality + b"\0\0"))) == ""
    comment = struct.pack(">2HI", 2, 12, 4) + "mine".encode("utf-16-be")
    assert notes_on(jpeg_of((0xEC, quality + comment + b"\0\0"))) == "blocks that are not known here (APP12)"


def test_pixels_that_are_not_square() -> None:
    said = "the shape of its pixels ({}), which are not square"
    assert notes_on(jpeg_of(jfif(0, (2, 1)))) == said.format("1:2")
    shape = b"pHYs" + struct.pack(">2IB", 3, 2, 0)
    data = saved("PNG")
    data = data[:33] + struct.pack(">I", 9) + shape + struct.pack(">I", zlib.crc32(shape)) + data[33:]
    assert notes_on(data) == said.format("2:3")
    assert notes_on(jpeg_of(jfif(0, (72, 72)))) == notes_on(jpeg_of(jfif(1, (200, 100)))) == ""
