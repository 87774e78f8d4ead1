"""Camera raw files: recognised, developed to 16 bits in the camera's brightness or plainly, with what they say."""

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darklift.errors import ImageError, MissingExtraError
from darklift.image import (
    SUPPORTED_EXTENSIONS,
    WRITABLE_EXTENSIONS,
    Picture,
    decode_image,
    encode_image,
    foreign_kind,
    from_pil,
    is_image_path,
    read_image,
    result_extension,
)
from darklift.image.exif import read_orientation, tiff_block
from darklift.image.formats import FORMATS, HEAD_BYTES, format_of
from darklift.image.raw_exif import described_by_raw
from darklift.image.tone import camera_curve, develop, plain_curve
from raw_files import BLACK, WHITE, coded_light, dng_file, mosaic, raw_scene, scene_preview

MAKE, SUBFILE, ORIENTATION, EXIF_DIRECTORY, MAKER_NOTE = 271, 254, 0x0112, 0x8769, 0x927C
READ_ONLY = "the RAW container, which can only be read"


@pytest.fixture
def rawpy() -> None:
    pytest.importorskip("rawpy", reason="the extra raw is not installed: pip install 'darklift[raw]'")
    pytest.importorskip("tifffile", reason="tifffile makes the files here")


def directory(entries: dict[int, tuple[int, int, bytes]], order: str = "<", at: int = 8) -> bytes:
    """A TIFF file of one directory: tag to (type, count, four bytes)."""
    made = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, at).ljust(at, b"\0")
    made += struct.pack(order + "H", len(entries))
    for tag, (kind, count, value) in sorted(entries.items()):
        made += struct.pack(order + "HHI", tag, kind, count) + value
    return made + bytes(4)


def name_of(data: bytes) -> str | None:
    kind = format_of(data[:HEAD_BYTES])
    return kind and kind.name


def apart(picture: Picture, coded: np.ndarray) -> float:
    assert picture.pixels.shape == coded.shape
    return float(np.abs(picture.pixels - coded).mean())


# ------------------------------------------------------------------------------------------------ without the library


@pytest.mark.parametrize(
    "head",
    [
        directory({50706: (1, 4, b"\1\4\0\0")}),
        directory({50706: (1, 4, b"\1\4\0\0")}, ">"),
        directory({SUBFILE: (4, 1, b"\1\0\0\0"), MAKE: (2, 4, b"Cam\0")}),  # as Nikon and Sony begin
        directory({SUBFILE: (4, 1, b"\0\0\0\1"), MAKE: (2, 4, b"Cam\0")}, ">"),
        directory({262: (3, 1, struct.pack("<HH", 32803, 0)), MAKE: (2, 4, b"Cam\0")}),  # as Pentax
        b"II*\0\x10\0\0\0CR\2\0",
        b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
        b"FUJIFILMCCD-RAW 0201",
        b"IIU\0\x18\0\0\0",
        b"IIRO\x08\0\0\0",
        b"MMOR\0\0\0\x08",
        b"FOVb\0\0\2\0",
        b"\0MRM\0\0",
    ],
)
def test_raw_files_are_recognised_by_what_they_hold(head: bytes) -> None:
    assert name_of(head) == "RAW"


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_plain_tiff_is_never_taken_for_one(order: str) -> None:
    def number(value: int) -> bytes:
        return struct.pack(order + "HH", value, 0)

    developed = {MAKE: (2, 4, b"Cam\0"), 262: (3, 1, number(2)), 330: (4, 2, bytes(4)), SUBFILE: (4, 1, bytes(4))}
    assert name_of(directory(developed, order)) == "TIFF"
    assert name_of(directory({SUBFILE: (3, 1, number(1))}, order)) == "TIFF"  # no camera's
    assert name_of(directory(developed, order)[:20]) == "TIFF"


def test_without_the_library_they_are_named_and_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = tmp_path / "a.NEF"
    path.write_bytes(directory({50706: (1, 4, b"\1\4\0\0")}))
    with pytest.raises(MissingExtraError, match=r"darklift\[raw\]"):
        read_image(path)
    assert not is_image_path(path)
    assert foreign_kind(path) == "camera RAW"
    assert {".dng", ".nef", ".cr3"} <= SUPPORTED_EXTENSIONS - WRITABLE_EXTENSIONS
    assert result_extension(".NEF") == ".jpg"


def test_every_ending_of_a_raw_file_is_named() -> None:
    (raw,) = (known for known in FORMATS if known.name == "RAW")
    for ending in raw.extensions:
        assert is_image_path(f"a{ending}") or foreign_kind(Path(f"a{ending}")) == "camera RAW"


def test_curves_rise_everywhere_and_end_in_white() -> None:
    light = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    scene = np.repeat(light[:, :, None], 3, axis=2)
    preview = np.rint(np.sqrt(scene / 65535).clip(0, 0.5) * 510).astype(np.uint8)  # cut from a quarter of the light on
    for top in (1.0, 0.1):
        curves = [plain_curve(1.0), plain_curve(0.4), camera_curve(scene, top, preview)]
        for curve in curves:
            assert curve is not None
            values = develop(light, top, curve).ravel()
            assert values[0] == 0
            assert values[-1] <= 1
            assert (np.diff(values) >= 0).all()
            assert (np.diff(values[::64]) > 0).all()
    assert develop(light, 1.0, plain_curve(0.4)).max() == 1
    assert camera_curve(scene, 1.0, np.zeros_like(preview)) is None  # there is nothing to see in it


def test_no_light_is_black_where_the_preview_has_lifted_it() -> None:
    light = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    light[:4] = 0  # more than the darkest share that is compared
    scene = np.repeat(light[:, :, None], 3, axis=2)
    preview = (scene // 257).clip(20, 255).astype(np.uint8)
    curve = camera_curve(scene, 1.0, preview)
    assert curve is not None
    assert curve[0] == 0
    assert (np.diff(curve) >= 0).all()


# --------------------------------------------------------------------------------------------------- with the library


@pytest.mark.usefixtures("rawpy")
@pytest.mark.parametrize("jpeg", [True, False])
@pytest.mark.parametrize("exposure", [1.0, 0.05])
def test_it_looks_like_the_preview_or_like_the_light(exposure: float, jpeg: bool) -> None:
    scene = raw_scene()
    preview = scene_preview(scene, exposure)
    data = dng_file(mosaic(scene, exposure), preview=preview, jpeg=jpeg)
    like, plain = decode_image(data), decode_image(data, like_camera=False)
    assert apart(like, preview / 255) < 0.005
    assert apart(plain, coded_light(scene * exposure)) < 0.002
    assert apart(plain, preview / 255) > 0.02
    assert like.source.container == "RAW"
    assert like.source.bits == 14
    assert like.metadata.notes == plain.metadata.notes == (READ_ONLY,)
    assert len(np.unique(np.rint(like.pixels * 65535))) >= 4000


@pytest.mark.usefixtures("rawpy")
def test_without_a_preview_it_is_plain_and_says_so() -> None:
    scene = raw_scene()
    data = dng_file(mosaic(scene))
    picture = decode_image(data)
    np.testing.assert_array_equal(picture.pixels, decode_image(data, like_camera=False).pixels)
    assert "preview" in picture.metadata.notes[0]
    black = decode_image(dng_file(mosaic(scene), preview=np.zeros((128, 192, 3), np.uint8)))
    np.testing.assert_array_equal(picture.pixels, black.pixels)
    assert "preview" in black.metadata.notes[0]


@pytest.mark.usefixtures("rawpy")
def test_a_preview_that_claims_more_than_there_is_counts_for_nothing() -> None:
    scene = raw_scene((64, 96))
    data = dng_file(mosaic(scene), preview=scene_preview(scene, 1.0))
    false = data.replace(struct.pack("<HHII", 257, 4, 1, 64), struct.pack("<HHII", 257, 4, 1, 30_000), 1)
    assert false != data
    picture = decode_image(false)  # rawpy 0.28.0's own array of it would reach beyond its memory
    assert "preview" in picture.metadata.notes[0]


@pytest.mark.usefixtures("rawpy")
@pytest.mark.parametrize("brightest", [0.1, 0.5, 0.7, 0.76, 0.85, 0.92, 1.0])
def test_one_bright_corner_changes_nothing_elsewhere(brightest: float) -> None:
    samples = np.full((64, 64), BLACK + 900, np.uint16)
    base = decode_image(dng_file(samples), like_camera=False).pixels[40, 40]
    samples[:8, :8] = round(BLACK + brightest * (WHITE - BLACK))
    found = decode_image(dng_file(samples), like_camera=False).pixels[40, 40]
    np.testing.assert_allclose(found, base, atol=5e-4)


@pytest.mark.usefixtures("rawpy")
def test_highlights_stay_neutral_and_are_not_cut() -> None:
    ramp = np.repeat(np.linspace(0, 2, 256)[None, :, None], 64, axis=0).repeat(3, axis=2)
    preview = scene_preview(ramp, 1.0)
    for like_camera in (True, False):
        row = decode_image(dng_file(mosaic(ramp), preview=preview), like_camera=like_camera).pixels[32, 8:]
        assert np.ptp(row, axis=1).max() < 0.02  # no channel stands out, where green has overflowed and blue has not
        overflown = row[132:242:10, 1]
        assert (np.diff(overflown) > 0.0005).all()
        assert row.max() <= 1


@pytest.mark.usefixtures("rawpy")
@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda v: v),
        (3, lambda v: np.rot90(v, 2)),
        (6, lambda v: np.rot90(v, 3)),
        (8, lambda v: np.rot90(v, 1)),
        (2, lambda v: v[:, ::-1]),
        (5, lambda v: v.swapaxes(0, 1)),
    ],
)
def test_it_is_turned_once(orientation: int, turn: object) -> None:
    scene = raw_scene()
    data = dng_file(mosaic(scene), preview=scene_preview(scene, 1.0), orientation=orientation)
    picture = decode_image(data)
    assert apart(picture, turn(scene_preview(scene, 1.0) / 255)) < 0.005  # type: ignore[operator]
    assert picture.metadata.exif is not None
    assert read_orientation(picture.metadata.exif) == 1


@pytest.mark.usefixtures("rawpy")
def test_no_white_balance_and_no_filters() -> None:
    scene = raw_scene()
    picture = decode_image(dng_file(mosaic(scene), neutral=None), like_camera=False)
    assert "white balance" in picture.metadata.notes[0]
    assert apart(picture, coded_light(scene)) < 0.02
    linear = np.rint((scene @ np.eye(3)) * (WHITE - BLACK) + BLACK).astype(np.uint16)
    assert decode_image(dng_file(linear)).size == scene.shape[:2]


NOWHERE = 0x7FFFFFF0
IPTC = b"\x1c\2\x78\0\7caption"


def dng_with_exif(note: bytes = b"maker note", xmp: bytes = b"<xmp/>") -> bytes:
    """A DNG with EXIF (a maker note, Adobe RGB, another size, GPS) behind its sensor values, and XMP."""
    scene = raw_scene((32, 48))
    tags = [(EXIF_DIRECTORY + 1, "I", 1, NOWHERE), (700, "B", len(xmp), xmp), (33432, "s", 0, "By Night")]
    tags += [(33723, "B", len(IPTC), IPTC), (50740, "B", 8, b"MakerMak")]
    data = dng_file(mosaic(scene), preview=scene_preview(scene, 1.0), extra=tags, orientation=6)
    place = len(data) + len(data) % 2
    data = data.ljust(place, b"\0") + note + bytes(len(note) % 2)
    entries = {
        MAKER_NOTE: (7, len(note), struct.pack("<I", place)),
        0xA001: (3, 1, struct.pack("<HH", 2, 0)),
        0xA002: (4, 1, struct.pack("<I", 9999)),
        0xA003: (3, 1, struct.pack("<HH", 8888, 0)),
    }
    false = struct.pack("<HHII", EXIF_DIRECTORY + 1, 4, 1, NOWHERE)  # tifffile writes no such pointer
    return data.replace(false, struct.pack("<HHII", EXIF_DIRECTORY, 4, 1, len(data))) + directory(entries)[8:]


@pytest.mark.usefixtures("rawpy")
def test_exif_and_maker_notes_are_kept_in_their_place() -> None:
    data = dng_with_exif()
    picture = decode_image(data)
    private, container = picture.metadata.notes
    assert "DNGPrivateData" in private
    assert container == READ_ONLY
    assert picture.size == (48, 32)
    exif = picture.metadata.exif
    assert exif is not None
    assert tiff_block(exif).index(b"maker note") == data.index(b"maker note")
    for container in ("JPEG", "TIFF", "PNG"):
        with Image.open(io.BytesIO(encode_image(picture, container))) as seen:
            found = seen.getexif()
            details = found.get_ifd(EXIF_DIRECTORY)
            assert (found[MAKE], found[33432], found.get(ORIENTATION)) == ("Maker", "By Night", 1)
            assert details[MAKER_NOTE] == b"maker note"
            assert details[0xA001] == 1  # what the camera was set to is not what these pixels are
            assert (details[0xA002], details[0xA003]) == (32, 48)
            assert not [tag for tag in found if tag >= 50000 or tag in (33421, 33422)]
            assert seen.size == (32, 48)
        assert decode_image(encode_image(picture, container)).source.container == container
    assert picture.metadata.xmp == b"<xmp/>"
    assert picture.metadata.iptc == IPTC


@pytest.mark.usefixtures("rawpy")
def test_what_does_not_fit_a_jpeg_is_named() -> None:
    picture = decode_image(dng_with_exif(note=b"note" * 20_000))
    assert "maker notes" in " ".join(picture.metadata.notes)
    assert picture.metadata.exif is not None
    assert b"notenote" not in picture.metadata.exif
    with Image.open(io.BytesIO(encode_image(picture, "JPEG"))) as seen:
        assert seen.getexif().get_ifd(EXIF_DIRECTORY)[0xA001] == 1


@pytest.mark.usefixtures("rawpy")
def test_orders_to_develop_it_are_not_given_on() -> None:
    crs = b"http://ns.adobe.com/camera-raw-settings/1.0/"
    xmp = b'<r xmlns:crs="%s" a="1" crs:Exposure2012="+3"><crs:ToneCurve><l/></crs:ToneCurve><b/></r>' % crs
    picture = decode_image(dng_with_exif(xmp=xmp))
    assert picture.metadata.xmp == b'<r xmlns:crs="%s" a="1"><b/></r>' % crs


def test_exif_comes_out_of_the_preview_where_there_are_no_directories() -> None:
    exif = Image.Exif()
    exif[MAKE] = "Maker"
    exif[ORIENTATION] = 8
    exif[EXIF_DIRECTORY] = {0xA001: 0xFFFF, 0xA005: {1: "R03"}}
    metadata = described_by_raw(b"FUJIFILMCCD-RAW", exif.tobytes(), (10, 20), 8)
    block = metadata.exif
    assert block is not None
    assert read_orientation(block) == 1
    found = Image.Exif()
    found.load(block)
    assert found[MAKE] == "Maker"
    assert found.get_ifd(EXIF_DIRECTORY)[0xA001] == 1
    assert found.get_ifd(0xA005)[1] == "R98"
    assert metadata.notes == ()
    metadata = described_by_raw(b"FUJIFILMCCD-RAW", None, (10, 20), 8)
    assert metadata.exif is None
    assert "EXIF" in metadata.notes[0]


@pytest.mark.usefixtures("rawpy")
@pytest.mark.parametrize("cut", [4, 60, 500, 5000, 20000, 40000])
def test_a_cut_file_is_one_line(cut: int) -> None:
    scene = raw_scene()
    data = dng_file(mosaic(scene))
    assert len(data) > 45000
    with pytest.raises(ImageError) as caught:
        decode_image(data[:cut])
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("rawpy")
def test_absurd_sizes_are_refused_before_there_is_room_for_them() -> None:
    data = dng_file(mosaic(raw_scene()))
    for width, height in ((60000, 60000), (20000, 20000)):
        false = data
        for tag, was, value in ((256, 192, width), (257, 128, height)):
            for kind in (3, 4):
                false = false.replace(struct.pack("<HHII", tag, kind, 1, was), struct.pack("<HHII", tag, 4, 1, value))
        assert false != data
        with pytest.raises(ImageError, match=f"{width} x {height}"):
            decode_image(false)


@pytest.mark.usefixtures("rawpy")
def test_one_that_libraw_does_not_know() -> None:
    with pytest.raises(ImageError, match="LibRaw"):
        decode_image(directory({SUBFILE: (4, 1, b"\1\0\0\0"), MAKE: (2, 4, b"Cam\0")}) + bytes(9000))


@pytest.mark.usefixtures("rawpy")
def test_its_directory_may_lie_anywhere() -> None:
    scene = raw_scene()
    data = dng_file(mosaic(scene))
    (start,) = struct.unpack_from("<I", data, 4)
    moved = data[:4] + struct.pack("<I", len(data)) + data[8:] + data[start : start + 2000]
    assert name_of(moved) == "TIFF"
    picture = decode_image(moved)
    assert picture.source.container == "RAW"
    np.testing.assert_array_equal(picture.pixels, decode_image(data).pixels)


@pytest.mark.usefixtures("rawpy")
def test_pillow_sees_only_a_part_of_it_and_is_refused() -> None:
    scene = raw_scene()
    data = dng_file(mosaic(scene), preview=scene_preview(scene, 1.0))
    with Image.open(io.BytesIO(data)) as image, pytest.raises(ImageError, match="read_image"):
        from_pil(image)
