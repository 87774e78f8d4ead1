"""darklift.image from and to bytes and streams, what a picture knows of its source, and the folder of formats."""

import io
import os
import shutil
import struct
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

import darklift.image
from darklift.errors import ImageError, UsageError
from darklift.image import (
    SUPPORTED_EXTENSIONS,
    WRITABLE_EXTENSIONS,
    Metadata,
    Picture,
    Source,
    check_writable,
    decode_image,
    encode_image,
    from_array,
    from_pil,
    is_image_path,
    read_image,
    write_image,
)
from darklift.image.colour_numbers import profile_of_numbers
from darklift.image.foreign import foreign_kind
from darklift.image.formats import FORMATS, HEAD_BYTES, Format, format_called, format_of
from darklift.image.left_out import left_out
from pictures import noise, saved

ALL_NAMES = ["AVIF", "BMP", "JPEG2000", "JPEG", "JPEGXL", "PAM", "PFM", "PNG", "PPM", "TIFF", "WebP"]
ONLY_READ = ["EXR", "GIF", "HDR", "HEIF", "RAW"]
WRITTEN = [known for known in FORMATS if known.encode and known.is_installed]
NAMES = [known.name for known in WRITTEN]
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 4]))
each_format = pytest.mark.parametrize("kind", WRITTEN, ids=lambda kind: kind.name)


class Pipe(io.RawIOBase):
    """Binary and not seekable, and it gives little at a time, as sockets do."""

    def __init__(self, data: bytes) -> None:
        self._rest = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._rest.readinto(memoryview(buffer)[:777])


def sample(kind: Format) -> bytes:
    return encode_image(from_array(noise(60, 50, 3)), kind.name)


def same(first: Picture, second: Picture) -> None:
    np.testing.assert_array_equal(first.pixels, second.pixels)
    assert (first.gray, first.metadata, first.source) == (second.gray, second.metadata, second.source)
    assert (first.alpha is None) == (second.alpha is None)
    if first.alpha is not None:
        np.testing.assert_array_equal(first.alpha, second.alpha)


# ------------------------------------------------------------------------------------------------- bytes and streams


@each_format
def test_every_way_in_gives_the_same_picture(tmp_path: Path, kind: Format) -> None:
    data = sample(kind)
    (tmp_path / "a").write_bytes(data)
    picture = read_image(tmp_path / "a")
    for source in (
        data,
        bytearray(data),
        memoryview(data),
        io.BytesIO(data),
        Pipe(data),
        io.BufferedReader(Pipe(data)),
    ):
        same(decode_image(source), picture)
    behind_a_header = io.BytesIO(b"header" + data)
    behind_a_header.seek(6)
    same(decode_image(behind_a_header), picture)
    with (tmp_path / "a").open("rb", buffering=0) as stream:
        same(decode_image(stream), picture)
        assert not stream.closed


@each_format
def test_a_file_and_bytes_hold_the_same(tmp_path: Path, kind: Format) -> None:
    metadata = Metadata(dpi=(300.0, 150.0), xmp=b"<x/>")
    picture = Picture(from_array(noise(20, 30, 3)).pixels, metadata=metadata)
    target = write_image(picture, tmp_path / f"a{kind.extensions[0]}", quality=80)
    assert encode_image(picture, kind.name, quality=80) == target.read_bytes()


@pytest.mark.parametrize("name", [known.name for known in WRITTEN if known.can_be_lossless])
@settings(max_examples=20, deadline=None)
@given(SIZES)
def test_lossless_formats_lose_nothing(name: str, shape: tuple[int, int, int]) -> None:
    if shape[2] == 4 and name in ("BMP", "PPM", "PFM"):
        shape = (*shape[:2], 3)
    picture = from_array(noise(*shape))
    back = decode_image(encode_image(picture, name, lossless=True))
    same(replace(back, gray=picture.gray), replace(picture, source=back.source))  # WebP has no gray
    assert back.source.container == name


@pytest.mark.parametrize("name", NAMES)
def test_a_format_goes_by_its_name_and_its_extensions_in_any_case(name: str) -> None:
    picture = from_array(noise(4, 4, 3))
    kind = format_called(name)
    assert kind is not None
    wanted = encode_image(picture, name)
    for extension in kind.extensions:
        for written in (name.lower(), name.upper(), extension, extension.upper(), extension[1:], extension[1:].title()):
            assert encode_image(picture, written) == wanted, written


def test_quality_and_lossless_mean_something_where_it_is_said() -> None:
    picture = from_array(noise(40, 40, 3))
    for kind in WRITTEN:
        rough, fine = (encode_image(picture, kind.name, quality=quality) for quality in (10, 95))
        assert (len(rough) < len(fine)) == kind.takes_quality, kind.name
        assert (rough == fine) != kind.takes_quality, kind.name
        if kind.can_be_lossless:
            back = decode_image(encode_image(picture, kind.name, lossless=True))
            np.testing.assert_array_equal(back.pixels, picture.pixels)
        else:
            with pytest.raises(UsageError, match=rf"{kind.name}.*PNG"):
                encode_image(picture, kind.name, lossless=True)


def test_threads_decode_side_by_side() -> None:
    data = {kind.name: sample(kind) for kind in WRITTEN}
    wanted = {name: decode_image(contents).pixels for name, contents in data.items()}
    wrong: list[str] = []

    def work(name: str) -> None:
        for _ in range(20):
            if not np.array_equal(decode_image(data[name]).pixels, wanted[name]):
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in data]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# ---------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("empty", [b"", bytearray(), io.BytesIO(), Pipe(b""), io.BytesIO(b"at the end")])
def test_nothing_is_no_picture(empty: Any) -> None:
    if isinstance(empty, io.BytesIO):
        empty.seek(0, io.SEEK_END)
    with pytest.raises(ImageError, match="empty"):
        decode_image(empty)


@pytest.mark.parametrize(
    ("source", "got"),
    [
        ("a.png", "str"),
        (Path("a.png"), "Path"),
        (None, "NoneType"),
        (noise(2, 2, 3), "ndarray"),
        (io.StringIO("text"), "str"),
    ],
)
def test_only_bytes_and_binary_streams_are_decoded(source: Any, got: str) -> None:
    with pytest.raises(UsageError, match=got):
        decode_image(source)


def test_a_stream_that_fails_is_told_on_one_line() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    closed = io.BytesIO(sample(FORMATS[0]))
    closed.close()
    for stream, said in ((Broken(), "Input/output"), (closed, "closed")):
        with pytest.raises(ImageError, match=said) as caught:
            decode_image(stream)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)


def test_an_endless_stream_of_something_else_is_refused_at_its_beginning() -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            assert self.given <= 2 * HEAD_BYTES
            buffer[:] = b"y" * len(buffer)
            self.given += len(buffer)
            return len(buffer)

    with pytest.raises(ImageError, match="PNG"):
        decode_image(Endless())  # type: ignore[arg-type]


@pytest.mark.parametrize("unknown", ["tga", "", ".", "pgn", None, Path("a.png")])
def test_an_unknown_format_is_refused_with_the_known_ones(unknown: Any) -> None:
    picture = from_array(noise(2, 2, 3))
    for call in (encode_image, check_writable):
        with pytest.raises(
            UsageError, match="AVIF, BMP, JPEG2000, JPEG, JPEGXL, PAM, PFM, PNG, PPM, TIFF or WebP"
        ) as caught:
            call(picture, unknown)
        assert repr(unknown) in str(caught.value)
    with pytest.raises(UsageError, match="did you mean 'PNG'"):
        encode_image(picture, "pgn")


REFUSED = [
    (from_array(noise(4, 4, 4)), "jpg", {}, ImageError, "alpha.*JPEG.*AVIF, JPEG2000, JPEGXL, PAM, PNG, TIFF or WebP"),
    (from_array(noise(4, 4, 4)), "bmp", {}, ImageError, "alpha.*BMP.*AVIF, JPEG2000, JPEGXL, PAM, PNG, TIFF or WebP"),
    (from_array(noise(1, 20_000, 4)), "jpg", {}, ImageError, "alpha.*JPEG.*AVIF, JPEG2000, JPEGXL, PAM, PNG or TIFF"),
    (
        from_array(noise(1, 16_384)),
        "webp",
        {},
        ImageError,
        "16384 x 1 .*16383.*AVIF, BMP, JPEG2000, JPEG, JPEGXL, PAM, PFM, PNG, PPM or TIFF",
    ),
    (
        from_array(noise(65_501, 1)),
        "jpg",
        {},
        ImageError,
        "1 x 65501 .*65500.*BMP, JPEG2000, JPEGXL, PAM, PFM, PNG, PPM or TIFF",
    ),
    (from_array(noise(4, 4, 3)), "jpg", {"quality": 0}, UsageError, "0.*1 to 100"),
    (from_array(noise(4, 4, 3)), "jpg", {"lossless": True}, UsageError, "JPEG"),
]


@pytest.mark.parametrize(("picture", "format", "options", "error", "said"), REFUSED)
def test_what_does_not_fit_is_told_before_the_work_and_after_it(
    picture: Picture, format: str, options: dict[str, Any], error: type[Exception], said: str
) -> None:
    for call in (encode_image, check_writable):
        with pytest.raises(error, match=said):
            call(picture, format, **options)


@each_format
def test_blocks_of_metadata_fit_as_long_as_it_is_said(kind: Format) -> None:
    pixels = from_array(noise(4, 4, 3)).pixels
    for field, limit in kind.keeps.items():
        if field in ("dpi", "png_chunks") or limit > 1 << 20:
            continue
        block = b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0" if field == "exif" else b""
        longest = Picture(pixels, metadata=_filled(field, block.ljust(limit, b"x")))
        assert getattr(decode_image(encode_image(longest, kind.name)).metadata, field) is not None
        longer = Picture(pixels, metadata=_filled(field, block.ljust(limit + 1, b"x")))
        with pytest.raises(ImageError, match=rf"{limit + 1}.*{limit}.*(PNG|TIFF)"):
            check_writable(longer, kind.name)


def _filled(field: str, block: bytes) -> Metadata:
    return Metadata(comments=(block,)) if field == "comment" else Metadata(**{field: block})


@each_format
def test_what_fits_passes_the_check(kind: Format) -> None:
    for extension in kind.extensions:
        check_writable(from_array(noise(4, 4, 3)), extension, quality=50, lossless=kind.can_be_lossless)


def test_without_its_library_a_format_is_left_out_in_folders_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for kind in (known for known in FORMATS if known.needs is not None):
        monkeypatch.setitem(sys.modules, kind.needs.module, None)  # type: ignore[union-attr]
        for ending in kind.extensions:
            assert not is_image_path(f"a{ending}")
            assert is_image_path("a.jpg")
            found[kind.name] = foreign_kind(Path(f"a{ending.upper()}"))
    words = {"EXR": "OpenEXR", "HDR": "Radiance HDR", "HEIF": "HEIC", "JPEGXL": "JPEG XL", "RAW": "camera RAW"}
    assert found == words


def test_nan_is_refused_by_every_format() -> None:
    broken = Picture(np.full((2, 2, 3), np.nan, np.float32))
    for kind in WRITTEN:
        with pytest.raises(ImageError, match="NaN"):
            encode_image(broken, kind.name)


# ------------------------------------------------------------------------------------------------------------- source


@each_format
@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 3)])
def test_a_file_tells_its_container_and_bits(kind: Format, shape: tuple[int, ...]) -> None:
    picture = decode_image(encode_image(from_array(noise(*shape)), kind.name))
    source = picture.source
    assert (source.container, source.bits, source.colour_space) == (kind.name, kind.bits[0], "sRGB")
    assert picture.with_pixels(picture.pixels / 2).source is source


@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("u2", 16), (">u2", 16), ("f2", 16), ("f4", 32), ("f8", 32)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_array_tells_its_bits(dtype: str, bits: int, channels: int) -> None:
    assert from_array(np.zeros((2, 2, channels), dtype)).source == Source(None, bits, "sRGB")


def test_a_picture_made_of_floats_has_32_bits() -> None:
    assert Picture(np.zeros((2, 2, 3), np.float32)).source == Source(None, 32, "sRGB")


def test_a_pillow_image_tells_what_it_was_opened_from(tmp_path: Path) -> None:
    image = Image.fromarray(noise(4, 5, 3))
    assert from_pil(image).source == Source(None, 8, "sRGB")
    for extension, container in ((".jpg", "JPEG"), (".webp", "WebP"), (".tif", "TIFF"), (".gif", "GIF")):
        with Image.open(saved(tmp_path, f"a{extension}", image)) as opened:
            assert from_pil(opened).source.container == container
            copy = opened.copy()
        assert from_pil(copy).source.container is None
        copy.format = opened.format  # some programs carry it over
        assert from_pil(copy).source.container == container


def test_few_bits_and_palettes_count_as_8(tmp_path: Path) -> None:
    for mode in ("1", "P"):
        assert read_image(saved(tmp_path, "a.png", Image.new(mode, (3, 3)))).source == Source("PNG", 8, "sRGB")


def with_description(text: bytes) -> bytes:
    """An ICC profile (of which nothing else is used) with this ``desc`` tag."""
    return bytes(128) + struct.pack(">I4s2I", 1, b"desc", 144, len(text)) + text


def several_languages(*texts: tuple[str, str]) -> bytes:
    table, body, start = b"", b"", 16 + 12 * len(texts)
    for language, text in texts:
        data = text.encode("utf-16-be")
        table += struct.pack(">2s2s2I", language.encode(), b"XX", len(data), start + len(body))
        body += data
    return b"mluc" + bytes(4) + struct.pack(">2I", len(texts), 12) + table + body


@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (
            with_description(b"desc" + bytes(4) + struct.pack(">I", 17) + b"Adobe RGB (1998)\0" + bytes(78)),
            "Adobe RGB (1998)",
        ),
        (with_description(several_languages(("de", "Anzeige P3"), ("en", "Display P3"))), "Display P3"),
        (with_description(several_languages(("de", "Anzeige\nP3"))), "Anzeige P3"),
        (with_description(several_languages()), "unnamed profile"),
        (with_description(b"text" + bytes(4) + b"something"), "unnamed profile"),
        (
            with_description(b"desc" + bytes(4) + struct.pack(">I", 2**32 - 1) + b"long" * 10_000),
            ("long" * 10_000)[:200],
        ),
        (with_description(b"desc"), "unnamed profile"),
        (with_description(b"mluc" + bytes(4) + struct.pack(">2I", 2**32 - 1, 12)), "unnamed profile"),
        (b"no profile" * 20, "unnamed profile"),
        (b"short" * 26, "unnamed profile"),
    ],
)
def test_the_colour_space_is_the_profiles_description(profile: bytes, name: str) -> None:
    picture = Picture(from_array(noise(3, 3, 3)).pixels, metadata=Metadata(icc_profile=profile))
    back = decode_image(encode_image(picture, "tiff"))
    assert back.metadata.icc_profile == profile
    assert back.source.colour_space == name


def test_a_profile_of_lcms_and_cmyk(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    described = ImageCms.getProfileDescription(profile).strip()
    image = Image.new("RGB", (3, 3))
    picture = read_image(saved(tmp_path, "a.jpg", image, icc_profile=profile.tobytes()))
    assert picture.source.colour_space == described
    assert read_image(saved(tmp_path, "b.jpg", Image.new("CMYK", (3, 3)))).source.colour_space == "CMYK"


# -------------------------------------------------------------------------------------------------- the folder itself


def test_the_formats_there_are() -> None:
    assert [known.name for known in FORMATS if known.encode] == ALL_NAMES
    assert [known.name for known in FORMATS if not known.encode] == ONLY_READ
    extensions = [extension for known in FORMATS for extension in known.extensions]
    assert len(set(extensions)) == len(extensions)
    assert set(extensions) == SUPPORTED_EXTENSIONS
    assert {each for known in FORMATS if known.encode for each in known.extensions} == WRITABLE_EXTENSIONS
    assert all(extension.startswith(".") and extension == extension.lower() for extension in extensions)


@each_format
def test_a_sample_is_recognised_by_exactly_one_format(kind: Format) -> None:
    head = sample(kind)[:HEAD_BYTES]
    assert [known.name for known in FORMATS if known.sniff(head)] == [kind.name]
    assert format_of(head) is kind
    assert 0 < kind.sniff(head) <= len(head)


@given(st.binary(max_size=40))
def test_sniffing_any_bytes_is_safe(head: bytes) -> None:
    for known in FORMATS:
        assert 0 <= known.sniff(head) <= len(head)


@each_format
def test_a_format_keeps_what_it_says(kind: Format) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    values: dict[str, Any] = {
        "exif": exif.tobytes(),
        "icc_profile": profile_of_numbers(12, 13),
        "dpi": (300.0, 300.0),
        "xmp": b"<x/>",
        "iptc": b"\x1c\2\x78\0\1a",
        "comments": (b"by night",),
        "trailer": b"\0\0\0\x10ftypisom",
    }
    for field, value in values.items():
        plain = Picture(from_array(noise(4, 4, 3)).pixels)
        full = replace(plain, metadata=Metadata(**{field: value}))
        changes = encode_image(full, kind.name) != encode_image(plain, kind.name)
        assert changes != bool(left_out(full, kind.name)), field
        kept = field if field != "comments" else "comment"
        if kept in kind.keeps and (kind.name, kept) != ("PNG", "comment"):  # which is a text among others then
            assert getattr(decode_image(encode_image(full, kind.name)).metadata, field), field


RAW_FORMAT = '''
"""A format that is only read, and whose files are TIFF files at first sight."""

import numpy as np

from darklift.errors import ImageError
from darklift.image.formats.base import Format
from darklift.image.picture import Picture, Source

def decode(stream):
    stream.seek(12)
    if stream.read() != b"pixels":
        raise ValueError("no pixels")
    return Picture(np.zeros((2, 3, 3), np.float32), source=Source("ToyRaw", 14, "camera"))

FORMAT = Format(
    name="ToyRaw",
    extensions=(".toy",),
    sniff=lambda head: 12 if head.startswith(b"II*\\0") and head[8:12] == b"TOYS" else 0,
    decode=decode,
)
'''
USE_IT = """
import io
from darklift.errors import ImageError, UsageError
from darklift.image import *

picture = decode_image(b"II*\\0    TOYSpixels")
assert picture.source == Source("ToyRaw", 14, "camera"), picture.source
assert is_image_path("A.TOY") and ".toy" in SUPPORTED_EXTENSIONS - WRITABLE_EXTENSIONS
assert decode_image(encode_image(picture, "tiff")).source.container == "TIFF"  # still its own
for call, error, said in (
    (lambda: decode_image(b"II*\\0    TOYS"), ImageError, "ToyRaw"),
    (lambda: decode_image(b"no picture"), ImageError, "ToyRaw"),
    (lambda: encode_image(picture, ".toy"), UsageError, "only be read"),
    (lambda: write_image(picture, "a.toy"), ImageError, ".toy"),
):
    try:
        call()
    except error as caught:
        assert said in str(caught), caught
    else:
        raise AssertionError("not refused")
"""


def test_a_new_format_is_one_new_file(tmp_path: Path) -> None:
    room = Path(darklift.image.__file__).parent
    package = tmp_path / "darklift"
    shutil.copytree(room, package / "image", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "errors.py", "files.py"):
        shutil.copy(room.parent / name, package)
    (package / "image" / "formats" / "toy.py").write_text(RAW_FORMAT)
    done = subprocess.run(
        [sys.executable, "-c", USE_IT],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_stream_without_an_end_is_refused(monkeypatch):
    class Endless(io.RawIOBase):
        def readable(self):
            return True

        def readinto(self, buffer):
            buffer[:] = b"\xff\xd8\xff" + bytes(len(buffer) - 3)
            return len(buffer)

    monkeypatch.setattr("darklift.image.stream.MAX_STREAM_BYTES", 2**22)
    with pytest.raises(ImageError, match="4 MiB"):
        decode_image(Endless())
