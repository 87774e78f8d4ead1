"""HEIC files: read upright, at their depth, with all that is said of them; results are JPEG files."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from darklift.batch.paths import find_pictures, plan_jobs
from darklift.errors import ImageError, MissingExtraError, UsageError
from darklift.image import (
    SUPPORTED_EXTENSIONS,
    WRITABLE_EXTENSIONS,
    Picture,
    decode_image,
    encode_image,
    read_image,
    result_extension,
    write_image,
)
from darklift.image.boxes import heif_facts
from darklift.image.exif import read_orientation
from darklift.image.formats import FORMATS, format_of
from heif_files import HEIF_SIZE, box, heif_file, heif_scene

ORIENTATION = 0x0112
IROT = {angle: box(b"irot", bytes([angle])) for angle in range(4)}  # quarter turns against the clock
IMIR = box(b"imir", b"\1")  # left and right change places
READ_ONLY = "the HEIF container"


@pytest.fixture
def pi_heif() -> None:
    pytest.importorskip("pi_heif", reason="the extra heif is not installed: pip install 'darklift[heif]'")


def nclx(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">3HB", primaries, transfer, 6, 0x80))


def exif_block(orientation: int = 6) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[ORIENTATION] = orientation
    return exif.tobytes()


def close_to(picture: Picture, values: np.ndarray) -> None:
    assert picture.pixels.shape == values.shape
    assert np.abs(picture.pixels - values / 255).mean() < 0.03


# ------------------------------------------------------------------------------------------------ without the library


def test_the_format_is_known_without_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    for brand in (b"heic", b"heix", b"mif1"):
        kind = format_of(heif_file(brand=brand))
        assert kind is not None
        assert kind.name == "HEIF"
    (tmp_path / "a.heic").write_bytes(heif_file())
    with pytest.raises(MissingExtraError, match=r"darklift\[heif\]"):
        read_image(tmp_path / "a.heic")
    assert {".heic", ".heif", ".hif"} <= SUPPORTED_EXTENSIONS - WRITABLE_EXTENSIONS


def test_results_are_jpeg_files(tmp_path: Path) -> None:
    for name in ("night.heic", "NIGHT2.HEIC", "old.gif", "plain.JPG"):
        (tmp_path / name).write_bytes(b"")
    jobs = plan_jobs(find_pictures([str(tmp_path)]), None)
    assert sorted(job.target.name for job in jobs) == [
        "NIGHT2_enhanced.jpg",
        "night_enhanced.jpg",
        "old_enhanced.png",
        "plain_enhanced.JPG",
    ]
    (job,) = plan_jobs(find_pictures([str(tmp_path / "night.heic")]), None, extension=".png")
    assert job.target.name == "night_enhanced.png"
    (job,) = plan_jobs(find_pictures([str(tmp_path / "night.heic")]), f"{tmp_path}/{{stem}}_new{{ext}}")
    assert job.target.name == "night_new.jpg"
    assert [result_extension(name) for name in (".heic", "HEIF", ".GIF", ".Tif", "PNG", "", ".txt")] == [
        ".jpg", ".jpg", ".png", ".Tif", "PNG", "", ".txt",
    ]  # fmt: skip


def test_what_is_only_read_names_a_format_that_is_written() -> None:
    for known in FORMATS:
        assert (known.written_as is None) == (known.encode is not None)
        assert known.written_as is None or known.written_as in WRITABLE_EXTENSIONS


def test_boxes_tell_depth_colours_and_companions() -> None:
    facts = heif_facts(heif_file(nclx(12, 13), bits=10, exif=exif_block(), auxiliary="urn:mpeg:hevc:2015:auxid:2"))
    assert (facts.bits, facts.nclx) == (10, (12, 13, 6))
    assert facts.exif == exif_block()
    assert facts.notes == ["its depth map"]
    moving = heif_file(behind=box(b"mpvd", b"video"))
    assert heif_facts(moving).notes == ["its motion video"]
    apple = heif_file(auxiliary="urn:com:apple:photo:2020:aux:hdrgainmap")
    assert "gain map" in heif_facts(apple).notes[0]
    assert heif_facts(heif_file(auxiliary="urn:mpeg:hevc:2015:auxid:1")).notes == []


def test_names_that_are_no_text_never_reach_the_library() -> None:
    data = heif_file(exif=exif_block())
    at = data.index(b"Exif")
    for place in range(at, at + 4):  # pi-heif 1.4.0 ends the process at these
        broken = bytearray(data)
        broken[place] = 0xEB
        with pytest.raises(ImageError, match="no text"):
            heif_facts(bytes(broken))
    broken = bytearray(heif_file(auxiliary="urn:mpeg:hevc:2015:auxid:2"))
    broken[broken.index(b"auxid")] = 0xEB
    with pytest.raises(ImageError, match="no text"):
        heif_facts(bytes(broken))


# --------------------------------------------------------------------------------------------------- with the library


@pytest.mark.usefixtures("pi_heif")
@pytest.mark.parametrize(
    ("properties", "turn"),
    [
        ((), lambda v: v),
        ((IROT[1],), lambda v: np.rot90(v, 1)),
        ((IROT[2],), lambda v: np.rot90(v, 2)),
        ((IROT[3],), lambda v: np.rot90(v, 3)),
        ((IMIR,), lambda v: v[:, ::-1]),
        ((IROT[3], IMIR), lambda v: np.rot90(v, 3)[:, ::-1]),
    ],
)
def test_it_is_turned_once_by_its_boxes_whatever_exif_says(properties: tuple[bytes, ...], turn: object) -> None:
    xmp = b'<r xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="8"/>'
    picture = decode_image(heif_file(*properties, exif=exif_block(6), xmp=xmp))
    close_to(picture, turn(heif_scene()))  # type: ignore[operator]
    assert picture.metadata.exif is not None
    assert read_orientation(picture.metadata.exif) == 1
    assert picture.metadata.xmp == xmp.replace(b'"8"', b'"1"')
    with Image.open(io.BytesIO(encode_image(picture, "jpg"))) as seen:
        assert seen.size == picture.size[::-1]
        assert seen.getexif()[ORIENTATION] == 1
        assert seen.getexif()[0x010F] == "Maker"


@pytest.mark.usefixtures("pi_heif")
def test_a_crop_is_applied() -> None:
    clap = box(b"clap", struct.pack(">4IiIiI", 40, 1, 30, 1, 10 + 20 - 48, 1, 6 + 15 - 32, 1))
    close_to(decode_image(heif_file(clap)), heif_scene()[6:36, 10:50])


@pytest.mark.usefixtures("pi_heif")
def test_ten_bits_are_read_as_ten() -> None:
    picture = decode_image(heif_file(bits=10))
    close_to(picture, heif_scene())
    assert picture.source.bits == 10
    codes = picture.pixels * 1023
    assert np.abs(codes - codes.round()).max() < 1e-3
    assert len(np.unique(codes.round()[:, :, 0])) > 100
    assert picture.pixels.max() <= 1
    assert decode_image(heif_file()).source.bits == 8


@pytest.mark.usefixtures("pi_heif")
def test_colours_by_number_and_profile() -> None:
    picture = decode_image(heif_file(nclx(12, 13)))
    assert picture.source.colour_space == "Display P3"
    close_to(picture, heif_scene())
    assert decode_image(heif_file(nclx(1, 13))).metadata.icc_profile is None
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode_image(heif_file(box(b"colr", b"prof", profile))).metadata.icc_profile == profile
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        with pytest.raises(ImageError, match=name):
            decode_image(heif_file(nclx(9, transfer), bits=10))


@pytest.mark.usefixtures("pi_heif")
def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(heif_file(auxiliary="urn:com:apple:photo:2020:aux:hdrgainmap"))
    picture = read_image(tmp_path / "a.heic")
    gain_map, container = picture.metadata.notes
    assert "gain map" in gain_map
    assert READ_ONLY in container
    with pytest.raises(UsageError, match="only be read"):
        encode_image(picture, "heic")
    with pytest.raises(ImageError, match="heic"):
        write_image(picture, tmp_path / "b.heic")


@pytest.mark.usefixtures("pi_heif")
def test_xmp_claims_no_video_that_is_gone() -> None:
    xmp = b'<r xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" GCamera:MotionPhoto="1"/>'
    picture = decode_image(heif_file(xmp=xmp, behind=box(b"mpvd", b"video")))
    assert "video" in picture.metadata.notes[0]
    assert picture.metadata.xmp == xmp.replace(b' GCamera:MotionPhoto="1"', b"")


@pytest.mark.usefixtures("pi_heif")
def test_several_pictures_are_refused() -> None:
    with pytest.raises(ImageError, match="2 pictures"):
        decode_image(heif_file(pictures=2))


@pytest.mark.usefixtures("pi_heif")
@pytest.mark.parametrize("cut", [30, 100, 400, -100])
def test_a_cut_file_is_one_line(cut: int) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(heif_file(exif=exif_block())[:cut])
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("pi_heif")
def test_its_size_is_the_one_that_is_seen() -> None:
    assert decode_image(heif_file()).size == HEIF_SIZE
    assert decode_image(heif_file(IROT[1])).size == HEIF_SIZE[::-1]
