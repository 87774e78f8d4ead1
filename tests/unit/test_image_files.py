"""darklift.image on disk: what each format keeps of the pixels, and what is refused."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from darklift.errors import ImageError, printable
from darklift.image import (
    Metadata,
    Picture,
    from_array,
    read_image,
    to_pil,
    write_image,
)
from pictures import noise, saved

LOSSLESS = [".png", ".webp", ".tif", ".bmp"]
XMP = b"<x:xmpmeta/>"


def exif_block() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "Maker", {0x927C: bytes(99)}
    return exif.tobytes()


def chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def png(bits: int, colour_type: int, row: bytes, *, before: bytes = b"") -> bytes:
    """A PNG file of one row, 2 pixels wide."""
    header = chunk(b"IHDR", struct.pack(">2I5B", 2, 1, bits, colour_type, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" + row))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + chunk(b"IEND", b"")


@pytest.mark.parametrize("extension", LOSSLESS)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_an_untouched_picture_keeps_every_pixel(tmp_path: Path, mode: str, extension: str) -> None:
    image = Image.fromarray(noise(37, 23, 4))
    image = image.convert("RGB").convert("P") if mode == "P" else image.convert(mode)
    picture = read_image(saved(tmp_path, "source.png", image))
    assert picture.gray == (mode in ("1", "L", "LA"))
    if extension == ".bmp" and mode in ("LA", "RGBA"):
        with pytest.raises(ImageError, match="PNG"):
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


def refused_files(folder: Path) -> Iterator[tuple[Path, str]]:
    two = [Image.new("RGB", (4, 4)), Image.new("RGB", (4, 4), "red")]
    for name in ("a.webp", "a.png", "a.tif"):
        yield saved(folder, name, two[0], save_all=True, append_images=two[1:]), "2 (frames|pages)"
    yield saved(folder, "hdr.tif", Image.new("F", (4, 4), 1.5)), "HDR"
    yield saved(folder, "raw.tif", two[0], tiffinfo={254: 1}), "raw"
    yield saved(folder, "lab.tif", Image.new("LAB", (4, 4))), "LAB"
    for name, contents, said in (
        ("empty.jpg", b"", "empty"),
        ("text.png", b"This is no picture", "PNG"),
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
        assert str(caught.value).startswith(f"cannot read {printable(str(path))}: ")
        assert "\n" not in str(caught.value)


def test_tiff_channels_without_a_meaning_are_refused(tmp_path: Path) -> None:
    tiff = bytearray(saved(tmp_path, "a.tif", Image.new("RGBA", (4, 4))).read_bytes())
    struct.pack_into("<H", tiff, tiff.index(struct.pack("<HHIH", 338, 3, 1, 2)) + 8, 0)
    (tmp_path / "a.tif").write_bytes(tiff)
    with pytest.raises(ImageError, match="alpha"):
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
    metadata = Metadata(exif=exif_block(), xmp=XMP, dpi=(72.0, 72.0))
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
        metadata = Metadata(exif=exif_block(), xmp=XMP, dpi=(72.0, 72.0), iptc=b"abc")
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
