"""Photoshop's image resources: kept where they suit the result, named where not."""

import hashlib
import io
import struct

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from darklift.image import Metadata, Picture, decode_image, encode_image, from_array, from_pil
from darklift.image.left_out import left_out
from darklift.image.photoshop import kept_resources
from pictures import noise

IPTC = b"\x1c\2\x78\0\7caption"


def record(number: int, contents: bytes, name: bytes = b"") -> bytes:
    pascal = bytes([len(name)]) + name
    pascal += bytes(len(pascal) % 2)
    return (
        b"8BIM"
        + struct.pack(">H", number)
        + pascal
        + struct.pack(">I", len(contents))
        + contents.ljust(len(contents) + len(contents) % 2, b"\0")
    )


COPYRIGHT, ADDRESS = record(0x040A, b"\1"), record(0x040B, b"https://example.org/me")
DIGEST = record(0x0425, hashlib.md5(IPTC, usedforsecurity=False).digest())
PATH, GUIDES = record(0x07D0, bytes(26), b"outline"), record(0x0408, bytes(16))
TOLD_ELSEWHERE = record(0x0404, IPTC) + record(0x03ED, bytes(16)) + record(0x0424, b"<xmp/>") + record(0x0422, b"II*\0")
KEPT = COPYRIGHT + ADDRESS + DIGEST + PATH + GUIDES
THUMBNAIL = record(0x040C, b"dark pixels")


def jpeg(block: bytes, segment: int = 60_000, **options: object) -> bytes:
    parts = [b"Photoshop 3.0\0" + block[at : at + segment] for at in range(0, len(block), segment)]
    extra = b"".join(b"\xff\xed" + struct.pack(">H", len(part) + 2) + part for part in parts)
    stream = io.BytesIO()
    Image.fromarray(noise(8, 12, 3)).save(stream, "JPEG", extra=extra, **options)
    return stream.getvalue()


def tiff(block: bytes, bits: int = 8, *, layers: bool = False, orientation: int = 1) -> bytes:
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    directory.tagtype[34377] = directory.tagtype[37724] = 7
    directory[34377] = block
    directory[274] = orientation
    if layers:
        directory[37724] = b"Adobe Photoshop Document Data Block\0"
    samples = noise(8, 12, 3) if bits == 8 else noise(8, 12).astype(np.uint16) * 257
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "TIFF", tiffinfo=directory, compression="tiff_lzw")
    return stream.getvalue()


def in_the_file(data: bytes) -> dict[int, object]:
    """The records as Pillow finds them."""
    with Image.open(io.BytesIO(data)) as image:
        if image.format == "JPEG":
            return image.info.get("photoshop", {})
        found = image.tag_v2.get(34377, b"")
    with Image.open(io.BytesIO(jpeg(found))) as again:
        return again.info.get("photoshop", {})


@pytest.mark.parametrize("source", [jpeg, tiff, lambda block: tiff(block, 16)], ids=["JPEG", "TIFF", "16-bit TIFF"])
@pytest.mark.parametrize("target", ["jpg", "tif"])
def test_what_suits_the_result_is_kept_and_the_rest_told_once(source: object, target: str) -> None:
    picture = decode_image(source(TOLD_ELSEWHERE + KEPT))  # type: ignore[operator]
    assert picture.metadata.photoshop == KEPT
    assert picture.metadata.iptc == IPTC
    assert picture.metadata.notes == ()
    found = in_the_file(encode_image(picture, target))
    assert (found[0x040A], found[0x040B]) == (b"\1", b"https://example.org/me")
    assert found[0x0425] == hashlib.md5(IPTC, usedforsecurity=False).digest()
    assert set(found) - {0x0404} == {0x040A, 0x040B, 0x0425, 0x07D0, 0x0408}
    back = decode_image(encode_image(picture, target)).metadata
    assert (back.photoshop, back.iptc) == (KEPT, IPTC)


@pytest.mark.parametrize("source", [jpeg, tiff])
def test_its_little_picture_of_the_dark_photo_is_named(source: object) -> None:
    picture = decode_image(source(COPYRIGHT + THUMBNAIL))  # type: ignore[operator]
    assert picture.metadata.photoshop == COPYRIGHT
    (note,) = picture.metadata.notes
    assert "little picture" in note


def test_what_has_a_place_goes_where_the_picture_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for data in (jpeg(KEPT, exif=exif), tiff(KEPT, orientation=6), tiff(KEPT, 16, orientation=6)):
        picture = decode_image(data)
        assert picture.metadata.photoshop == COPYRIGHT + ADDRESS + DIGEST
        (note,) = picture.metadata.notes
        assert "paths" in note


@pytest.mark.parametrize("bits", [8, 16])
def test_layers_are_named(bits: int) -> None:
    (note,) = decode_image(tiff(COPYRIGHT, bits, layers=True)).metadata.notes
    assert "layers" in note


@pytest.mark.parametrize("container", ["png", "webp", "avif", "bmp"])
def test_a_format_without_a_place_says_so(container: str) -> None:
    (line,) = left_out(decode_image(jpeg(COPYRIGHT + PATH)), container)
    assert "Photoshop records" in line
    assert ("other" in line) == (container != "bmp")


def test_a_block_of_several_segments() -> None:
    long = record(0x07D1, bytes(range(256)) * 500, b"long")
    picture = decode_image(jpeg(COPYRIGHT + long + ADDRESS))
    assert picture.metadata.photoshop == COPYRIGHT + long + ADDRESS
    written = encode_image(picture, "jpg")
    assert written.count(b"Photoshop 3.0\0") == 2
    assert decode_image(written).metadata.photoshop == COPYRIGHT + long + ADDRESS
    assert in_the_file(written)[0x040A] == b"\1"


def test_what_is_damaged_is_named_and_what_stands_before_it_kept() -> None:
    whole = COPYRIGHT + ADDRESS
    for length in range(1, len(ADDRESS) - 1):
        notes: list[str] = []
        kept, _ = kept_resources(whole[: len(COPYRIGHT) + length], notes, turned=False)
        assert kept == COPYRIGHT
        assert len(notes) == 1
    notes = []
    assert kept_resources(whole + b"MeSa" + bytes(9), notes, turned=False) == (whole, None)
    assert len(notes) == 1
    assert kept_resources(b"", notes, turned=False) == (None, None)
    odd = record(0x040B, b"abc")
    assert kept_resources(odd[:-1], [], turned=False) == (odd, None)  # without the last one's padding


def test_any_bytes_are_safe() -> None:
    rng = np.random.default_rng(0)
    for _ in range(2000):
        broken = bytearray(TOLD_ELSEWHERE + KEPT)
        for at in rng.integers(0, len(broken), 4):
            broken[at] = rng.integers(256)
        kept, _ = kept_resources(bytes(broken), [], turned=bool(rng.integers(2)))
        assert len(kept or b"") <= len(broken) + 1


def test_a_picture_in_memory_carries_them() -> None:
    picture = Picture(from_array(noise(8, 12, 3)).pixels, metadata=Metadata(photoshop=COPYRIGHT))
    assert decode_image(encode_image(picture, "jpg")).metadata.photoshop == COPYRIGHT
    with Image.open(io.BytesIO(jpeg(KEPT))) as image:
        assert from_pil(image).metadata.photoshop == KEPT
