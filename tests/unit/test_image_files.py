"""darklift.image on disk: formats, metadata, refusals, and files that appear whole or not at all."""

import io
import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageOps
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

from darklift.errors import ImageError, UsageError
from darklift.image import (
    SUPPORTED_EXTENSIONS,
    Metadata,
    Picture,
    from_array,
    is_image_path,
    read_image,
    to_pil,
    write_image,
)

LOSSLESS = [".png", ".webp", ".tif", ".bmp"]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" xmp:Rating="4"/></x:xmpmeta>'
THUMBNAIL = b"\xff\xd8\xff\xe0 a small dark picture \xff\xd9"


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def exif_with_everything(orientation: int = 1, *, after_thumbnail: bytes = b"") -> bytes:
    """Make, maker note, GPS, and a second directory with a thumbnail, as cameras write them."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112], exif[0x013B] = "Maker", orientation, "Me"
    exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 60), 0x927C: b"MAKERNOTE" * 9, 0xA005: {1: "R98"}})
    exif.get_ifd(0x8825).update({1: "N", 2: (46.0, 12.0, 3.5)})
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


def saved(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    image.save(folder / name, **options)
    return folder / name


def chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def png(bits: int, colour_type: int, row: bytes, *, before: bytes = b"") -> bytes:
    """A PNG file of one row, 2 pixels wide."""
    header = chunk(b"IHDR", struct.pack(">2I5B", 2, 1, bits, colour_type, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + chunk(b"IEND", b"")


# ---------------------------------------------------------------------------------------------------------- pixels


@pytest.mark.parametrize("extension", LOSSLESS)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_an_untouched_picture_keeps_every_pixel(tmp_path: Path, mode: str, extension: str) -> None:
    image = Image.fromarray(noise(37, 23, 4))
    image = image.convert("RGB").convert("P") if mode == "P" else image.convert(mode)
    picture = read_image(saved(tmp_path, "source.png", image))
    assert picture.gray == (mode in ("1", "L", "LA"))
    if extension == ".bmp" and mode in ("LA", "RGBA"):
        with pytest.raises(ImageError, match="PNG, WebP or TIFF"):
            write_image(picture, tmp_path / "out.bmp")
        return
    target = write_image(picture, tmp_path / f"out{extension}", lossless=True)
    full = "RGBA" if mode.endswith("A") else "RGB"
    with Image.open(target) as written:
        assert written.convert(full).tobytes() == image.convert(full).tobytes()
        if extension != ".webp":  # which is always RGB
            assert written.mode == {"1": "L", "P": "RGB"}.get(mode, mode)
    again = read_image(target)
    np.testing.assert_array_equal(again.pixels, picture.pixels)
    if picture.alpha is None:
        assert again.alpha is None
    else:
        np.testing.assert_array_equal(again.alpha, picture.alpha)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 3, 4]), st.sampled_from(LOSSLESS))
def test_any_size_is_written_and_read_back(
    tmp_path: Path, height: int, width: int, channels: int, extension: str
) -> None:
    picture = from_array(noise(height, width, 3 if channels == 4 and extension == ".bmp" else channels))
    target = write_image(picture, tmp_path / f"a{extension}", lossless=True, overwrite=True)
    np.testing.assert_array_equal(read_image(target).pixels, picture.pixels)


def test_large_tiff_pixels_survive_several_strips(tmp_path: Path) -> None:
    array = noise(700, 501, 4)
    with Image.open(write_image(from_array(array), tmp_path / "a.tiff")) as image:
        assert len(image.tag_v2[273]) > 1
        assert image.info["compression"] == "tiff_adobe_deflate"
        np.testing.assert_array_equal(np.asarray(image), array)


def test_jpeg_and_webp_are_close_by_default_and_jpeg_is_444(tmp_path: Path) -> None:
    y, x = np.mgrid[:64, :64]
    picture = from_array(np.stack([x * 4, y * 4, (x + y) * 2], axis=2).astype(np.uint8))
    for extension in (".jpg", ".webp"):
        back = read_image(write_image(picture, tmp_path / f"a{extension}"))
        assert np.abs(back.pixels - picture.pixels).mean() < 0.01
    with Image.open(tmp_path / "a.jpg") as image:
        assert [component[1:3] for component in image.layer] == [(1, 1)] * 3
    low = write_image(picture, tmp_path / "low.jpg", quality=10)
    assert low.stat().st_size < (tmp_path / "a.jpg").stat().st_size


def test_a_gray_jpeg_stays_gray(tmp_path: Path) -> None:
    picture = read_image(saved(tmp_path, "a.jpg", Image.fromarray(noise(8, 9))))
    assert picture.gray
    with Image.open(write_image(picture, tmp_path / "b.jpg")) as image:
        assert image.mode == "L"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, orientation: int, extension: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if extension == ".webp" else {}
    source = saved(tmp_path, f"a{extension}", Image.fromarray(noise(3, 5, 3)), exif=exif, **options)
    with Image.open(source) as image:
        expected = ImageOps.exif_transpose(image)
    picture = read_image(source)
    assert to_pil(picture).tobytes() == expected.tobytes()
    target = write_image(picture, tmp_path / "b.png")
    with Image.open(target) as image:
        assert image.getexif().get(0x0112, 1) == 1
    np.testing.assert_array_equal(read_image(target).pixels, picture.pixels)


@pytest.mark.parametrize(("bits", "row"), [(1, b"\x40"), (2, b"\x10"), (4, b"\x01")])
def test_transparent_gray_of_few_bits(tmp_path: Path, bits: int, row: bytes) -> None:
    (tmp_path / "a.png").write_bytes(png(bits, 0, row, before=chunk(b"tRNS", b"\0\1")))
    picture = read_image(tmp_path / "a.png")
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[1.0, 0.0]]
    assert picture.pixels[0, 1, 0] == pytest.approx(1 / (2**bits - 1))


def test_cmyk_is_converted_and_says_so(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (4, 4), (255, 0, 0, 0))
    plain = read_image(saved(tmp_path, "a.jpg", cyan, quality=100))
    np.testing.assert_allclose(plain.pixels[0, 0], [0, 1, 1], atol=0.02)
    damaged = read_image(saved(tmp_path, "b.jpg", cyan, quality=100, icc_profile=b"no profile" * 20))
    np.testing.assert_array_equal(damaged.pixels, plain.pixels)
    assert damaged.metadata.icc_profile is None
    assert "profile" in damaged.metadata.notes[0]


def test_cmyk_goes_through_its_profile_and_srgb_is_attached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No CMYK profile is free to ship, so Pillow's conversion is watched instead of its colours.
    calls = []

    def convert(image: Image.Image, source: object, target: object, **options: object) -> Image.Image:
        calls.append((image.mode, options["outputMode"]))
        return Image.new("RGB", image.size, (10, 20, 30))

    monkeypatch.setattr(ImageCms, "profileToProfile", convert)
    source = saved(tmp_path, "a.jpg", Image.new("CMYK", (4, 4)), icc_profile=srgb_profile())
    picture = read_image(source)
    assert calls == [("CMYK", "RGB")]
    assert (to_pil(picture).getpixel((0, 0)), picture.alpha) == ((10, 20, 30), None)
    profile = picture.metadata.icc_profile
    assert profile is not None
    assert profile == read_image(source).metadata.icc_profile
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).startswith("sRGB")


# --------------------------------------------------------------------------------------------------------- metadata


@pytest.fixture
def rich() -> Picture:
    exif = exif_with_everything().replace(THUMBNAIL, b"")
    return Picture(
        from_array(noise(6, 8, 3)).pixels,
        metadata=Metadata(exif=exif, icc_profile=srgb_profile(), dpi=(300.0, 150.0), xmp=XMP, iptc=b"\x1c\2\x78\0\1a"),
    )


@pytest.mark.parametrize(
    ("extension", "kept"),
    [
        (".jpg", {"exif", "icc_profile", "dpi", "xmp", "iptc"}),
        (".png", {"exif", "icc_profile", "dpi", "xmp"}),
        (".webp", {"exif", "icc_profile", "xmp"}),
        (".tif", {"exif", "icc_profile", "dpi", "xmp", "iptc"}),
        (".bmp", {"dpi"}),
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
    source = saved(tmp_path, "a.jpg", Image.fromarray(noise(4, 6, 3)), xmp=XMP)
    assert read_image(source).metadata.xmp == XMP


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


def test_tiff_structure_does_not_leak_into_other_formats(tmp_path: Path) -> None:
    source = saved(tmp_path, "a.tif", Image.fromarray(noise(4, 6, 3)), compression="tiff_lzw")
    assert read_image(source).metadata.exif is None
    assert read_image(source).metadata.dpi is None
    described = saved(tmp_path, "b.tif", Image.fromarray(noise(4, 6, 3)), description="Night", software="Us")
    with Image.open(write_image(read_image(described), tmp_path / "b.jpg")) as image:
        assert dict(image.getexif()) == {270: "Night", 305: "Us"}


def test_a_gray_profile_is_converted_where_gray_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = bytearray(srgb_profile())
    profile[16:20] = b"GRAY"
    picture = Picture(
        np.full((2, 2, 3), 0.5, np.float32),
        np.full((2, 2), 0.2, np.float32),
        gray=True,
        metadata=Metadata(icc_profile=bytes(profile)),
    )
    with pytest.raises(ImageError, match="gray profile"):  # this made-up profile is not usable
        write_image(picture, tmp_path / "a.webp")
    monkeypatch.setattr(ImageCms, "profileToProfile", lambda image, *_, **__: Image.new("RGB", image.size, (9, 9, 9)))
    back = read_image(write_image(picture, tmp_path / "a.webp", lossless=True))
    assert to_pil(back).getpixel((0, 0)) == (9, 9, 9, 51)
    assert back.metadata.icc_profile is not None
    assert back.metadata.icc_profile[16:20] == b"RGB "
    assert read_image(write_image(picture, tmp_path / "a.png")).metadata.icc_profile == bytes(profile)


def test_pictures_behind_a_jpeg(tmp_path: Path) -> None:
    first, second = Image.fromarray(noise(16, 16, 3)), Image.fromarray(noise(8, 8, 3))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second])
    picture = read_image(tmp_path / "a.jpg")
    assert picture.size == (16, 16)
    assert picture.metadata.format == "JPEG"
    assert "gain map" in picture.metadata.notes[0]
    data = bytearray((tmp_path / "a.jpg").read_bytes())
    order = ">" if data[data.index(b"MPF\0") + 4 :].startswith(b"MM") else "<"
    entries = data.index(struct.pack(order + "I", 0x030000), data.index(b"0100"))  # the table follows the version
    struct.pack_into(order + "I", data, entries + 16, 0x020002)  # disparity: one half of a stereo pair
    (tmp_path / "b.jpg").write_bytes(data)
    with pytest.raises(ImageError, match="2 pictures"):
        read_image(tmp_path / "b.jpg")


# --------------------------------------------------------------------------------------------------------- refusals


def refused_files(folder: Path) -> Iterator[tuple[Path, str]]:
    two = [Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), "red")]
    for name in ("a.webp", "a.png", "a.tif"):
        yield saved(folder, name, two[0], save_all=True, append_images=two[1:]), "2 frames"
    for name, image in (("i16", Image.new("I;16", (4, 4))), ("f32", Image.new("F", (4, 4)))):
        yield saved(folder, f"{name}.tif", image), "8 bits"
    for name, colour_type, row in (("rgb", 2, bytes(12)), ("gray", 0, bytes(4)), ("rgba", 6, bytes(16))):
        (folder / f"{name}16.png").write_bytes(png(16, colour_type, row))
        yield folder / f"{name}16.png", "8 bits"
    yield saved(folder, "raw.tif", two[0], tiffinfo={254: 1}), "raw"
    yield saved(folder, "lab.tif", Image.new("LAB", (4, 4))), "LAB"
    for name, contents, said in (
        ("empty.jpg", b"", "empty"),
        ("text.png", b"This is no picture", "no JPEG, PNG"),
        ("short.jpg", b"\xff\xd8\xff\xe0", "damaged"),
        ("short.bmp", b"BM", "damaged"),
        ("short.webp", b"RIFF\0\0\0\0WEBPVP8 ", "damaged"),
    ):
        (folder / name).write_bytes(contents)
        yield folder / name, said
    (folder / "folder.png").mkdir()
    yield folder / "folder.png", "folder"
    yield folder / "missing.png", "no such file"
    yield Path("nul\0.png"), "nul"


def test_what_cannot_be_read_is_refused_on_one_line(tmp_path: Path) -> None:
    for path, said in refused_files(tmp_path):
        with pytest.raises(ImageError, match=said) as caught:
            read_image(path)
        assert str(caught.value).startswith(f"cannot read {path}: ")
        assert "\n" not in str(caught.value)


def test_16_bit_colour_is_refused_before_pillow_loses_half_of_it(tmp_path: Path) -> None:
    from darklift.image import from_pil

    (tmp_path / "a.png").write_bytes(png(16, 2, bytes(12)))
    with Image.open(tmp_path / "a.png") as image, pytest.raises(ImageError, match="8 bits"):
        from_pil(image)
    tiff = bytearray(saved(tmp_path, "a.tif", Image.new("RGB", (4, 4))).read_bytes())
    at = tiff.index(struct.pack("<3H", 8, 8, 8))
    struct.pack_into("<3H", tiff, at, 16, 16, 16)
    (tmp_path / "b.tif").write_bytes(tiff)
    with pytest.raises(ImageError, match="8 bits"):
        read_image(tmp_path / "b.tif")


def test_tiff_channels_without_a_meaning_are_refused(tmp_path: Path) -> None:
    tiff = bytearray(saved(tmp_path, "a.tif", Image.new("RGBA", (4, 4))).read_bytes())
    struct.pack_into("<H", tiff, tiff.index(struct.pack("<HHIH", 338, 3, 1, 2)) + 8, 0)
    (tmp_path / "a.tif").write_bytes(tiff)
    with pytest.raises(ImageError, match="besides colour and alpha"):
        read_image(tmp_path / "a.tif")


def test_huge_sizes_are_refused_by_the_header_alone(tmp_path: Path) -> None:
    data = png(8, 0, b"\0\0").replace(struct.pack(">2I", 2, 1), struct.pack(">2I", 30_000, 30_000))
    start = data.index(b"IHDR")
    data = data[: start + 17] + struct.pack(">I", zlib.crc32(data[start : start + 17])) + data[start + 21 :]
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(ImageError, match="500 megapixels"):
        read_image(tmp_path / "bomb.png")


def test_pillows_own_limit_neither_counts_nor_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for extension in (".png", ".jpg", ".bmp"):
        assert read_image(saved(tmp_path, f"a{extension}", Image.fromarray(noise(9, 9, 3)))).size == (9, 9)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.parametrize("extension", [*LOSSLESS, ".jpg"])
def test_a_file_cut_off_anywhere_is_refused_or_whole(tmp_path: Path, extension: str) -> None:
    metadata = Metadata(exif=exif_with_everything(), xmp=XMP, dpi=(72.0, 72.0))
    picture = Picture(from_array(noise(20, 20, 3)).pixels, metadata=metadata)
    target = write_image(picture, tmp_path / f"a{extension}")
    data, whole = target.read_bytes(), read_image(target).pixels
    refused = 0
    for length in range(0, len(data), max(1, len(data) // 60)):
        target.write_bytes(data[:length])
        try:
            np.testing.assert_array_equal(read_image(target).pixels, whole)
        except ImageError:
            refused += 1
    assert refused > 30


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from([*LOSSLESS, ".jpg"]), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1))
def test_damage_raises_nothing_but_image_errors(
    tmp_path: Path, extension: str, changes: list[tuple[float, int]]
) -> None:
    source = tmp_path / f"good{extension}"
    if not source.exists():
        metadata = Metadata(exif=exif_with_everything(6), xmp=XMP, dpi=(72.0, 72.0), iptc=b"abc")
        write_image(Picture(from_array(noise(9, 9, 3)).pixels, metadata=metadata), source)
    data = bytearray(source.read_bytes())
    for place, value in changes:
        data[int(place * len(data))] = value
    (tmp_path / "bad").write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            picture = read_image(tmp_path / "bad")
        except ImageError:
            return
    assert picture.pixels.shape == (*picture.size, 3)


# ----------------------------------------------------------------------------------------------------- whole or none


@pytest.fixture
def picture() -> Picture:
    return from_array(noise(8, 8, 3))


def test_names(tmp_path: Path) -> None:
    assert is_image_path("a/B.JPEG")
    assert is_image_path(Path("x.tif"))
    assert not is_image_path("notes.txt")
    assert not is_image_path("jpg")
    for extension in sorted(SUPPORTED_EXTENSIONS):
        path = tmp_path / f"a{extension.upper()}"
        assert write_image(from_array(noise(3, 3, 3)), path) == path
        assert read_image(path).size == (3, 3)


def test_contents_count_and_not_the_name(tmp_path: Path, picture: Picture) -> None:
    write_image(picture, tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert read_image(tmp_path / "a.jpg").metadata.format == "PNG"


def test_write_refusals_say_what_to_do_and_leave_nothing(tmp_path: Path, picture: Picture) -> None:
    with_alpha = from_array(noise(4, 4, 4))
    wide = from_array(np.zeros((1, 16_384), np.uint8))
    broken = Picture(np.full((2, 2, 3), np.nan, np.float32))
    long = Picture(picture.pixels, metadata=Metadata(xmp=bytes(70_000)))
    (tmp_path / "folder.png").mkdir()
    for refused, name, said in (
        (picture, "a.gif", ".jpg, .jpeg"),
        (picture, "a", "expected one of"),
        (picture, "nowhere/a.png", "create it first"),
        (picture, "folder.png", "folder of that name"),
        (with_alpha, "a.jpg", "PNG, WebP or TIFF"),
        (with_alpha, "a.bmp", "PNG, WebP or TIFF"),
        (wide, "a.webp", "16383"),
        (broken, "a.png", "NaN"),
        (broken, "a.tif", "NaN"),
        (long, "a.jpg", "XMP has 70000 bytes"),
    ):
        with pytest.raises(ImageError, match=said) as caught:
            write_image(refused, tmp_path / name)
        assert str(caught.value).startswith(f"cannot write {tmp_path / name}")
    assert os.listdir(tmp_path) == ["folder.png"]


@pytest.mark.parametrize("quality", [0, 101, -1, 50.0, True, "95"])
def test_quality_out_of_range(tmp_path: Path, picture: Picture, quality: int) -> None:
    with pytest.raises(UsageError, match="1 to 100"):
        write_image(picture, tmp_path / "a.jpg", quality=quality)


def test_lossless_jpeg_does_not_exist(tmp_path: Path, picture: Picture) -> None:
    with pytest.raises(UsageError, match="PNG, WebP or TIFF"):
        write_image(picture, tmp_path / "a.jpg", lossless=True)


def test_an_existing_file_is_only_replaced_when_told(tmp_path: Path, picture: Picture) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"precious")
    target.chmod(0o640)
    with pytest.raises(ImageError, match="allow overwriting"):
        write_image(picture, target)
    assert target.read_bytes() == b"precious"
    write_image(picture, target, overwrite=True)
    np.testing.assert_array_equal(read_image(target).pixels, picture.pixels)
    assert target.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == ["a.png"]


def test_overwriting_a_link_replaces_the_file_behind_it(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"old")
    (tmp_path / "a.png").symlink_to(tmp_path / "real" / "a.png")
    write_image(picture, tmp_path / "a.png", overwrite=True)
    assert (tmp_path / "a.png").is_symlink()
    assert read_image(tmp_path / "real" / "a.png").size == (8, 8)


@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".bmp", ".tif"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_saving_leaves_the_old_file_and_no_other(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch, extension: str, error: BaseException
) -> None:
    target = tmp_path / f"a{extension}"
    target.write_bytes(b"old")

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ImageError if isinstance(error, OSError) else KeyboardInterrupt) as caught:
        write_image(picture, target, overwrite=True)
    if isinstance(error, OSError):
        assert "No space left" in str(caught.value)
    assert os.listdir(tmp_path) == [target.name]
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    target = tmp_path / "a.png"
    monkeypatch.setattr(os, "fsync", lambda _: target.write_bytes(b"another's"))
    if not links:
        monkeypatch.setattr(os, "link", unsupported)
    with pytest.raises(ImageError, match="exists already"):
        write_image(picture, target)
    assert target.read_bytes() == b"another's"
    assert os.listdir(tmp_path) == ["a.png"]


def test_file_systems_without_links(tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", unsupported)
    write_image(picture, tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").size == (8, 8)
    monkeypatch.setattr(Path, "replace", unsupported)
    with pytest.raises(ImageError, match="not supported"):
        write_image(picture, tmp_path / "b.png")
    assert os.listdir(tmp_path) == ["a.png"]


def unsupported(*_: object) -> None:
    raise OSError(95, "Operation not supported")


def test_new_files_get_the_usual_permissions(tmp_path: Path, picture: Picture) -> None:
    (tmp_path / "usual").touch()
    written = write_image(picture, tmp_path / "a.png")
    assert written.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_equal_pictures_are_equal_files(tmp_path: Path, rich: Picture) -> None:
    for extension in (".png", ".jpg", ".webp", ".tif"):
        first, second = (write_image(rich, tmp_path / f"{name}{extension}") for name in "ab")
        assert first.read_bytes() == second.read_bytes()
