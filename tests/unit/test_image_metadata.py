"""darklift.image on disk: EXIF, ICC profiles, XMP, IPTC, resolution, comments."""

import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from darklift.errors import ImageError
from darklift.image import (
    Metadata,
    Picture,
    decode_image,
    encode_image,
    from_array,
    from_pil,
    read_frames,
    read_image,
    to_pil,
    write_image,
)
from darklift.image.left_out import left_out
from pictures import noise, saved

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" xmp:Rating="4"/></x:xmpmeta>'
THUMBNAIL = b"\xff\xd8\xff\xe0 a small dark picture \xff\xd9"


def exif_with_everything(orientation: int = 1, *, after_thumbnail: bytes = b"") -> bytes:
    """Make, maker note, GPS, and a second directory with a thumbnail, as cameras write them."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x013B] = "Maker", orientation, "Me"
    exif[0x8769] = {0x829A: IFDRational(1, 60), 0x927C: b"MAKERNOTE" * 9, 0xA005: {1: "R98"}}
    exif[0x8825] = {1: "N", 2: (46.0, 12.0, 3.5)}
    block = bytearray(exif.tobytes()[6:])
    order = "<" if block.startswith(b"II") else ">"
    (first,) = struct.unpack_from(order + "I", block, 4)
    (count,) = struct.unpack_from(order + "H", block, first)
    block += bytes(len(block) % 2)
    struct.pack_into(order + "I", block, first + 2 + 12 * count, len(block))
    start = len(block) + 2 + 2 * 12 + 4
    block += struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, start, 0x0202, 4, 1, len(THUMBNAIL), 0)
    return b"Exif\0\0" + bytes(block) + THUMBNAIL + after_thumbnail


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def icc_profile(space: bytes, connection: bytes, tag: bytes, contents: bytes) -> bytes:
    """The smallest ICC profile (version 2.4) with one tag, and the white point that it needs."""
    d50 = struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)
    tags = {b"wtpt": b"XYZ " + bytes(4) + d50, tag: contents}
    table, body, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += struct.pack(">4s2I", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, kind, space, connection, b"acsp") + d50
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def cmyk_profile() -> bytes:
    """Inks by a table of two steps each: cyan alone is Lab (60, -30, -45), anything with black is black."""
    colours = {(0, 0): (255, 128, 128), (1, 0): (153, 98, 83), (0, 1): (0, 128, 128), (1, 1): (0, 128, 128)}
    corners = [bytes(colours[cyan, black]) for cyan in (0, 1) for _ in range(4) for black in (0, 1)]
    matrix = struct.pack(">9I", *(65536 if place % 4 == 0 else 0 for place in range(9)))
    ramp = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + 4 * ramp + b"".join(corners) + 3 * ramp
    return icc_profile(b"CMYK", b"Lab ", b"A2B0", table)


def linear_gray_profile() -> bytes:
    return icc_profile(b"GRAY", b"XYZ ", b"kTRC", b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0100))


@pytest.fixture
def rich() -> Picture:
    exif, xmp = exif_with_everything().replace(THUMBNAIL, b""), XMP.replace(b'"6"', b'"1"')
    return Picture(
        from_array(noise(6, 8, 3)).pixels,
        metadata=Metadata(exif=exif, icc_profile=srgb_profile(), dpi=(300.0, 150.0), xmp=xmp, iptc=b"\x1c\2\x78\0\1a"),
    )


def test_cmyk_goes_through_its_profile_and_srgb_is_attached(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    picture = read_image(saved(tmp_path, "a.jpg", cyan, quality=100, icc_profile=cmyk_profile()))
    # Lab (60, -30, -45) as the profile has it, where plain conversion gives (0, 255, 255)
    np.testing.assert_allclose(np.asarray(to_pil(picture))[0, 0], [0, 162, 223], atol=4)
    attached = picture.metadata.icc_profile
    assert attached is not None
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(attached))).startswith("sRGB")
    assert "sRGB" in picture.metadata.notes[0]


@pytest.mark.parametrize(
    ("extension", "kept"),
    [
        (".jpg", {"exif", "icc_profile", "dpi", "xmp", "iptc"}),
        (".png", {"exif", "icc_profile", "dpi", "xmp"}),
        (".webp", {"exif", "icc_profile", "dpi", "xmp"}),  # the resolution in EXIF
        (".tif", {"exif", "icc_profile", "dpi", "xmp", "iptc"}),
        (".bmp", {"icc_profile", "dpi"}),
    ],
)
def test_metadata_is_kept_where_the_format_can(tmp_path: Path, rich: Picture, extension: str, kept: set[str]) -> None:
    target = write_image(rich, tmp_path / f"a{extension}")
    found = read_image(target).metadata
    for name in ("icc_profile", "xmp", "iptc"):
        assert getattr(found, name) == (getattr(rich.metadata, name) if name in kept else None), name
    assert found.dpi == (pytest.approx((300, 150), abs=0.02) if "dpi" in kept else None)
    if "exif" not in kept:
        assert found.exif is None
        return
    with Image.open(target) as image:
        exif = image.getexif()
        details, place = exif.get_ifd(0x8769), exif.get_ifd(0x8825)
        assert (exif[0x010F], exif[0x013B], exif[0x0112]) == ("Maker", "Me", 1)
        assert (details[0x829A], details[0x927C], exif.get_ifd(0xA005)) == (1 / 60, b"MAKERNOTE" * 9, {1: "R98"})
        assert (place[1], place[2]) == ("N", (46.0, 12.0, 3.5))


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif"])
def test_metadata_survives_a_second_journey(tmp_path: Path, rich: Picture, extension: str) -> None:
    first = read_image(write_image(rich, tmp_path / f"a{extension}")).metadata
    picture = Picture(rich.pixels, metadata=first)
    assert read_image(write_image(picture, tmp_path / f"b{extension}")).metadata == first


@pytest.mark.parametrize("after", [b"", b"behind the thumbnail"])
def test_exif_loses_its_thumbnail_and_nothing_else(tmp_path: Path, after: bytes) -> None:
    exif = exif_with_everything(6, after_thumbnail=after)
    picture = read_image(saved(tmp_path, "a.jpg", Image.fromarray(noise(4, 6, 3)), exif=exif, xmp=XMP))
    cleaned = picture.metadata.exif
    assert cleaned is not None
    assert picture.size == (6, 4)
    assert THUMBNAIL[4:-4] not in cleaned
    assert cleaned.endswith(after)
    read = Image.Exif()
    read.load(cleaned)
    assert read[0x0112] == 1
    assert not read.get_ifd(ExifTags.IFD.IFD1)
    assert read.get_ifd(0x8769)[0x927C] == b"MAKERNOTE" * 9
    # byte for byte, but for the orientation, the pointer to the thumbnail, and the thumbnail
    changed = [i for i, (a, b) in enumerate(zip(exif, cleaned, strict=False)) if a != b]
    assert len([i for i in changed if i < exif.index(THUMBNAIL)]) <= 4
    assert picture.metadata.xmp == XMP.replace(b'"6"', b'"1"')


def test_xmp_is_left_alone_when_the_picture_was_not_turned(tmp_path: Path) -> None:
    packet = XMP.replace(b'"6"', b'"1"')
    source = saved(tmp_path, "a.jpg", Image.fromarray(noise(4, 6, 3)), xmp=packet)
    assert read_image(source).metadata.xmp == packet


def test_damaged_exif_is_noted(tmp_path: Path) -> None:
    source = saved(tmp_path, "a.png", Image.fromarray(noise(4, 6, 3)), exif=b"Exif\0\0II*\0\xff\xff\xff\x0f")
    metadata = read_image(source).metadata
    assert metadata.exif is None
    assert "EXIF" in metadata.notes[0]


def test_exif_as_imagemagick_kept_it_in_png(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    chunks = PngInfo()
    chunks.add_text("Raw profile type exif", f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n", zip=True)
    picture = read_image(saved(tmp_path, "a.png", Image.fromarray(noise(4, 6, 3)), pnginfo=chunks))
    assert picture.size == (6, 4)
    assert picture.metadata.exif is not None
    assert picture.metadata.png_chunks == ()


def test_png_texts_and_colour_chunks_are_kept(tmp_path: Path) -> None:
    chunks = PngInfo()
    chunks.add(b"gAMA", struct.pack(">I", 100_000))
    chunks.add_text("Title", "Night")
    chunks.add_itxt("Author", "Zoë", lang="en", zip=True)
    source = saved(tmp_path, "a.png", Image.fromarray(noise(4, 6, 3)), pnginfo=chunks)
    target = write_image(read_image(source), tmp_path / "b.png")
    with Image.open(target) as image:
        assert (image.info["gamma"], image.text) == (1.0, {"Title": "Night", "Author": "Zoë"})
        assert image.text["Author"].lang == "en"


def test_comment_goes_from_jpeg_to_jpeg_and_png(tmp_path: Path) -> None:
    picture = read_image(saved(tmp_path, "a.jpg", Image.fromarray(noise(4, 6, 3)), comment=b"by night"))
    assert read_image(write_image(picture, tmp_path / "b.jpg")).metadata.comment == b"by night"
    with Image.open(write_image(picture, tmp_path / "b.png")) as image:
        assert image.text == {"Comment": "by night"}


@pytest.mark.parametrize("comments", [(b"by night", b"by hand"), (b"twice", b"twice"), (b"x" * 65_533, b"y" * 65_533)])
def test_several_comments_stay_several_and_are_joined_elsewhere(comments: tuple[bytes, ...], tmp_path: Path) -> None:
    segments = b"".join(b"\xff\xfe" + struct.pack(">H", len(each) + 2) + each for each in comments)
    source = saved(tmp_path, "a.jpg", Image.fromarray(noise(4, 6, 3)), extra=segments)
    picture = read_image(source)
    assert picture.metadata.comments == comments
    with Image.open(write_image(picture, tmp_path / "b.jpg")) as image:
        assert tuple(contents for name, contents in image.applist if name == "COM") == comments
    with Image.open(write_image(picture, tmp_path / "b.png")) as image:
        assert image.text["Comment"].encode() == b"\n".join(comments)
    with Image.open(source) as image:
        assert to_pil(from_pil(image)).info["comment"] == b"\n".join(comments)


def test_a_comment_too_long_for_a_segment_goes_on_in_the_next(tmp_path: Path) -> None:
    comment = bytes(range(32, 96)) * 2000
    picture = Picture(from_array(noise(4, 6, 3)).pixels, metadata=Metadata(comments=(comment,)))
    assert b"".join(read_image(write_image(picture, tmp_path / "a.jpg")).metadata.comments) == comment


def test_several_comments_of_a_jpeg_2000_are_read(tmp_path: Path) -> None:
    picture = Picture(from_array(noise(4, 6, 3)).pixels, metadata=Metadata(comments=(b"by night",)))
    data = encode_image(picture, "jp2")
    marker = b"\xff\x64\0\x0c\0\1by night"
    assert marker in data
    at = data.index(b"jp2c") - 4
    twice = data[at:].replace(marker, marker + b"\xff\x64\0\x0b\0\1by hand", 1)
    size = len(twice) if int.from_bytes(twice[:4], "big") else 0
    twice = size.to_bytes(4, "big") + twice[4:]
    assert decode_image(data[:at] + twice).metadata.comments == (b"by night", b"by hand")


def test_tiff_structure_does_not_leak_into_other_formats(tmp_path: Path) -> None:
    source = saved(tmp_path, "a.tif", Image.fromarray(noise(4, 6, 3)), compression="tiff_lzw")
    assert read_image(source).metadata.exif is None
    assert read_image(source).metadata.dpi is None
    described = saved(tmp_path, "b.tif", Image.fromarray(noise(4, 6, 3)), description="Night", software="Us")
    with Image.open(write_image(read_image(described), tmp_path / "b.jpg")) as image:
        assert dict(image.getexif()) == {270: "Night", 305: "Us"}


def test_a_gray_profile_is_converted_where_gray_cannot_be_kept(tmp_path: Path) -> None:
    picture = Picture(
        np.full((2, 2, 3), 128 / 255, np.float32),
        np.full((2, 2), 0.2, np.float32),
        gray=True,
        metadata=Metadata(icc_profile=linear_gray_profile()),
    )
    back = read_image(write_image(picture, tmp_path / "a.webp", lossless=True))
    assert to_pil(back).getpixel((0, 0)) == (188, 188, 188, 51)  # the sRGB value of half the light
    assert back.metadata.icc_profile is not None
    assert back.metadata.icc_profile[16:20] == b"RGB "
    assert read_image(write_image(picture, tmp_path / "a.png")).metadata.icc_profile == linear_gray_profile()
    damaged = replace(picture, metadata=Metadata(icc_profile=linear_gray_profile()[:150]))
    with pytest.raises(ImageError, match="gray profile"):
        write_image(damaged, tmp_path / "b.webp")


def test_pictures_behind_a_jpeg(tmp_path: Path) -> None:
    first, second = Image.fromarray(noise(16, 16, 3)), Image.fromarray(noise(8, 8, 3))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    picture = read_image(tmp_path / "a.jpg")
    assert picture.size == (16, 16)
    assert picture.source.container == "JPEG"
    assert "previews" in picture.metadata.notes[0]
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    order = ">" if data[data.index(b"MPF\0") + 4 :].startswith(b"MM") else "<"
    entries = data.index(struct.pack(order + "I", 0x030000), data.index(b"0100"))  # the table follows the version
    struct.pack_into(order + "I", data, entries + 16, 0x020002)  # disparity: one half of a stereo pair
    (tmp_path / "b.jpg").write_bytes(data)
    with pytest.raises(ImageError, match="2 pages"):
        read_image(tmp_path / "b.jpg")
    assert [view.size for view in read_frames(tmp_path / "b.jpg")] == [(16, 16), (8, 8)]
    with Image.open(tmp_path / "a.jpg") as image:
        assert from_pil(image).metadata == picture.metadata
    with Image.open(tmp_path / "b.jpg") as image, pytest.raises(ImageError, match="2 pictures"):
        from_pil(image)


def test_equal_pictures_are_equal_files(tmp_path: Path, rich: Picture) -> None:
    for extension in (".png", ".jpg", ".webp", ".tif"):
        first, second = (write_image(rich, tmp_path / f"{name}{extension}") for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_cmyk_is_converted_and_says_so(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    plain = read_image(saved(tmp_path, "a.jpg", cyan, quality=100))
    np.testing.assert_allclose(plain.pixels[0, 0], [0, 1, 1], atol=0.02)
    damaged = read_image(saved(tmp_path, "b.jpg", cyan, quality=100, icc_profile=b"no profile" * 20))
    np.testing.assert_array_equal(damaged.pixels, plain.pixels)
    assert damaged.metadata.icc_profile is None
    assert "profile" in damaged.metadata.notes[0]


def test_what_a_format_has_no_place_for_is_named(rich: Picture) -> None:
    assert left_out(rich, ".tif") == ()
    assert left_out(rich, "unknown") == ()
    (said,) = left_out(rich, "webp")
    assert "IPTC" in said  # of which nothing can be put into an XMP packet that is none
    assert "WebP" in said
    assert "EXIF" not in said
    assert left_out(replace(rich, metadata=replace(rich.metadata, xmp=None)), "webp") == ()
    (said,) = left_out(rich, "bmp")
    for name in ("EXIF", "XMP", "IPTC"):
        assert name in said
    chunks = replace(rich, metadata=Metadata(png_chunks=((b"tEXt", b"Warning\0Night"), (b"cICP", b"\x09\x10\0\1"))))
    assert left_out(chunks, "png") == ()
    (said,) = left_out(chunks, "jpg")
    assert "colour space chunks and texts (Warning)" in said
    assert left_out(replace(rich, metadata=Metadata(png_chunks=((b"sRGB", b"\0"),))), "jpg") == ()
