"""Pictures that darklift does not read are known by their contents, by Pillow and by the system's types."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darklift.image import foreign_kind
from pictures import noise

JPEG_LS = b"\xff\xd8\xff\xf7\0\x0b\x08\0\x04\0\x04\1\1\x11\0"
SPIFF = b"\xff\xd8\xff\xe8\0\x04\0\0" + JPEG_LS[2:]


def coded(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise(32, 32, 3)).save(stream, kind)
    return stream.getvalue()


def kind_of(folder: Path, name: str, contents: bytes) -> str | None:
    (folder / name).write_bytes(contents)
    return foreign_kind(folder / name)


@pytest.mark.parametrize("kind", ["PCX", "ICNS", "ICO", "SGI", "DDS"])
@pytest.mark.parametrize("ending", ["own", "", ".copy"])
def test_what_pillow_knows(tmp_path: Path, kind: str, ending: str) -> None:
    name = f"a.{kind.lower()}" if ending == "own" else f"a{ending}"
    assert kind_of(tmp_path, name, coded(kind)) == kind


def test_every_ending_that_pillow_has_for_pictures_counts(tmp_path: Path) -> None:
    Image.init()
    none = {".bufr", ".grib", ".h5", ".hdf", ".iim", ".mpeg", ".mpg", ".pdf", ".ps"}
    silent = {
        ending
        for ending in Image.registered_extensions()
        if kind_of(tmp_path, f"a{ending}", bytes(20)) is None and ending not in none
    }
    read = {".apng", ".avif", ".avifs", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".mpo"}
    read |= {".pfm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
    assert silent == read
    assert all(foreign_kind(tmp_path / f"a{ending}") is None for ending in none)


@pytest.mark.parametrize(
    ("name", "contents", "kind"),
    [
        ("a.svg", b"<svg/>", "SVG"),
        ("a.pct", bytes(600), "PCT"),
        ("a.j2k", bytes(20), "JPEG 2000"),
        ("a.jls", JPEG_LS, "JPEG-LS"),
        ("a", SPIFF, "JPEG-LS"),
        ("a.jpg.part", JPEG_LS, "JPEG-LS"),
        ("a.jxr", b"II\xbc\x01" + bytes(30), "JPEG XR"),
        ("a.xcf", b"gimp xcf v011\0", "GIMP"),
        ("a.gpr", b"", "camera RAW"),
        ("a.copy", b"P6 2 2 255\n" + bytes(12), "PPM"),
    ],
)
def test_others(tmp_path: Path, name: str, contents: bytes, kind: str) -> None:
    assert kind_of(tmp_path, name, contents) == kind


@pytest.mark.parametrize(
    ("name", "contents"),
    [
        ("notes.txt", b"P1 is the first of the notes"),
        ("notes", b"P1 is the first of the notes"),
        ("BMW", b"BMW is no bitmap, and this is no picture"),
        ("size.h", b"#define a_width 4\n#define a_height 3\nstatic char a_bits[] = {0};"),
        ("list.csv", b"1,2"),
        ("page.html", b"<html><svg/></html>"),
        ("film.mp4", b"\0\0\0\x14ftypisom" + bytes(40)),
        ("doc.pdf", b"%PDF-1.7"),
        ("empty", b""),
        ("data.bin", np.random.default_rng(0).bytes(5000)),
    ],
)
def test_what_is_no_picture(tmp_path: Path, name: str, contents: bytes) -> None:
    assert kind_of(tmp_path, name, contents) is None
