"""What pictures hold, how they come in parts and strips, and how much memory a photo may take."""

import io
import re
import struct
import threading
import time
from bisect import bisect_left
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from darklift import ImageError, Picture, UsageError
from darklift.image import Samples, decode_image, encode_image, from_array, read_stream
from darklift.image.jpeg_strips import save_in_strips
from darklift.image.overview import area_average, describe, describe_strips
from darklift.image.room import Room, ask_for_room
from darklift.pipeline import memory
from darklift.pipeline.scaled import scale_for, small_size
from darklift.pipeline.tiling import Tile
from darklift.runtime import Footprint
from darklift.runtime import memory as runtime_memory
from darklift.runtime.memory import free_memory, memory_size, peak_memory

RNG = np.random.default_rng(0)


# ------------------------------------------------------------------------------------------------------------ pictures


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_holds_the_numbers_that_came(dtype: type) -> None:
    array = RNG.integers(0, np.iinfo(dtype).max, (5, 7, 4), dtype=dtype)
    picture = from_array(array)
    assert picture.held.nbytes == array.nbytes
    white = np.float32(np.iinfo(dtype).max)
    np.testing.assert_array_equal(picture.pixels, array[:, :, :3] / white)
    np.testing.assert_array_equal(picture.part(slice(1, 3), slice(2, 6)), picture.pixels[1:3, 2:6])
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha, array[:, :, 3] / white)
    assert not picture.without_alpha().has_alpha


def test_a_file_is_held_in_its_own_bytes() -> None:
    file = io.BytesIO()
    array = RNG.integers(0, 255, (30, 20, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(array).save(file, "PNG", exif=exif)
    held = decode_image(file.getvalue()).held
    assert held.colours.dtype == np.uint8
    np.testing.assert_array_equal(held.colours, np.rot90(array, -1))


def test_white_may_be_less_than_the_type_holds() -> None:
    held = Samples(np.array([[[0], [4095]]], np.uint16), white=4095)
    np.testing.assert_array_equal(Picture(held=held).pixels[0], [[0, 0, 0], [1, 1, 1]])


def test_floats_are_handed_out_as_they_are() -> None:
    pixels = RNG.random((4, 5, 3), dtype=np.float32)
    assert Picture(pixels).pixels is pixels
    with pytest.raises(UsageError, match="float64"):
        Picture(pixels.astype(np.float64))


def test_a_pipe_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.fromarray(np.zeros((3, 3, 3), np.uint8)).save(file, "PNG")
    assert read_stream(io.BytesIO(file.getvalue())) == file.getvalue()
    with pytest.raises(ImageError, match="no picture"):
        read_stream(io.BytesIO(b"no picture"))
    monkeypatch.setattr("darklift.image.stream.MAX_STREAM_BYTES", 10)
    with pytest.raises(ImageError, match="longer"):
        read_stream(io.BytesIO(file.getvalue() + bytes(9000)))


# -------------------------------------------------------------------------------------------------------------- strips


@given(st.integers(1, 90), st.integers(1, 50), st.integers(1, 60), st.sampled_from([(40, 40), (7, 5), (1, 1)]))
@settings(max_examples=60, deadline=None)
def test_an_overview_is_the_same_however_it_is_cut(height: int, width: int, step: int, size: tuple[int, int]) -> None:
    planes = RNG.random((3, height, width), dtype=np.float32)
    strips = [(planes[:, top : top + step], None) for top in range(0, height, step)]
    whole, cut = describe(planes, bits=16), describe_strips((height, width), strips, bits=16)
    assert whole.cues is not None
    assert cut.cues is not None
    for expected, found in zip(
        (whole.thumbnail, whole.statistics, whole.cues), (cut.thumbnail, cut.statistics, cut.cues), strict=True
    ):
        np.testing.assert_array_equal(found, expected)
    assert area_average(planes, size).shape == (3, *size)


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("size", [(100, 90), (431, 17), (999, 20), (48, 48)])
def test_a_jpeg_in_strips_has_the_pixels_of_one_in_one_piece(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], subsampling: int, gray: bool
) -> None:
    monkeypatch.setattr("darklift.image.jpeg_strips._MOST_UNITS", 96)
    array = RNG.integers(0, 255, (*size, 3), dtype=np.uint8)
    array = array[:, :, 0] if gray else array
    strips = []

    def save(image: Image.Image, to: io.BytesIO) -> None:
        strips.append(image.size)
        image.save(to, "JPEG", quality=90, subsampling=subsampling, comment=b"kept")

    made, whole = io.BytesIO(), io.BytesIO()
    save_in_strips(from_array(array), made, save)
    save(Image.fromarray(array), whole)
    assert (len(strips) > 2) == (size != (48, 48))
    with Image.open(made) as image, Image.open(whole) as expected:
        assert image.info["comment"] == b"kept"
        np.testing.assert_array_equal(np.asarray(image), np.asarray(expected))


# -------------------------------------------------------------------------------------------------------------- memory


def test_sizes_are_read_strictly() -> None:
    wanted = {"2GB": 2 * 10**9, "1.5 GiB": 3 * 2**29, "800MB": 800 * 10**6, 7: 7}
    assert [memory_size(wish) for wish in wanted] == list(wanted.values())
    for wish in ("2", "2gb", "GB", "-1GB", "2 G", "1e3MB", "0MB", "", 0, -5, True, 1.5):
        with pytest.raises(UsageError, match="2GB"):
            memory_size(wish)  # type: ignore[arg-type]


def test_files_that_the_system_can_read_again_do_not_count_as_taken(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("900000\n")
    assert free_memory(tmp_path) == 100_000
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 300000\n")
    assert free_memory(tmp_path) == 400_000


@pytest.mark.parametrize(
    "process",
    [
        pytest.param(
            Path("/proc/self"),
            marks=pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system has no such mark"),
        ),
        Path("gone"),
    ],
    ids=["mark", "looks"],
)
def test_the_peak_is_that_of_the_block_alone(process: Path) -> None:
    with peak_memory(process) as before:
        pass
    with peak_memory(process) as peak:
        held = np.ones(100_000_000, np.uint8)
        time.sleep(0.1)  # long enough for a look
        del held
    with peak_memory(process) as after:
        pass
    assert before.bytes is not None
    assert peak.bytes is not None
    assert after.bytes is not None
    assert 90e6 < peak.bytes - before.bytes < 150e6
    assert peak.bytes - after.bytes > 50e6


def test_the_peak_is_told_of_a_block_that_failed_as_of_any_other() -> None:
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), peak_memory(Path("gone")):
        raise ZeroDivisionError
    assert threading.active_count() == threads


@pytest.mark.skipif(runtime_memory._malloc_trim() is None, reason="the C library gives memory back by itself")
def test_what_was_freed_is_given_back() -> None:
    def held() -> int:
        (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    kept = [np.ones(50_000, np.uint8) for _ in range(2000)]  # each of them too small for pages of its own
    last = kept.pop()
    del kept
    before = held()
    runtime_memory.give_back()
    assert before - held() > 50_000_000
    assert last.all()


def side(megapixels: float, allowed: int | None, bytes_per_pixel: int = 3, map_bytes: int = 0) -> int:
    rows = int((megapixels * 1e6) ** 0.5)
    look = SimpleNamespace(size=(rows, rows), extent=(rows, rows), held_bytes=bytes_per_pixel * rows**2)
    model = SimpleNamespace(memory=allowed, card=SimpleNamespace(footprint=Footprint(16)))
    return memory.tile_side(model, look, look.extent, map_bytes)  # type: ignore[arg-type]


def test_tiles_are_as_large_as_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 10**11)
    assert (side(12, None), side(50, None), side(100, None)) == (1024, 1024, 640)  # 100 within 1 GB
    assert side(400, None) == 1024  # it takes more in any case
    assert [side(50, 10**6 * megabytes) for megabytes in (2000, 700, 550)] == [1024, 640, 384]
    assert side(50, 700_000_000, map_bytes=150_000_000) == 384
    with pytest.raises(ImageError, match=r"0\.40 GB may be taken: allow ") as refused:
        side(50, 400_000_000)
    least = re.search(r"allow ([0-9.]+GB)", str(refused.value))
    assert least is not None
    assert side(50, memory_size(least[1])) == 384
    monkeypatch.setattr(memory, "free_memory", lambda: 10**7)
    with pytest.raises(ImageError, match="free some"):
        side(50, None)


def webp(kind: bytes, head: bytes) -> bytes:
    """The header of a file, with no pixels behind it."""
    return b"RIFF" + struct.pack("<I", 12 + len(head)) + b"WEBP" + kind + struct.pack("<I", len(head)) + head


def claiming(name: str) -> bytes:
    """A file of few bytes, by whose header it is of 16000x15000 pixels."""
    width, height = 16_000, 15_000
    small = from_array(np.zeros((16, 16, 3), np.uint16 if name.endswith("16") else np.uint8))
    if name == "WebP":
        return webp(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))
    if name == "WebP, lossless":
        return webp(b"VP8L", b"\x2f" + (width - 1 | height - 1 << 14).to_bytes(4, "little") + bytes(5))
    if name == "WebP, lossy":
        return webp(b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<2H", width, height))
    if name == "JPEG XL":  # not small, the height in 30 bits, no ratio, the width in 30 bits, all else as usual
        bits = 0b110 | height - 1 << 3 | 0b11 << 36 | width - 1 << 38 | 1 << 68
        return b"\xff\x0a" + bits.to_bytes(10, "little")
    if name == "AVIF":
        file = bytearray(encode_image(small, "avif"))
        struct.pack_into(">2I", file, file.index(b"ispe") + 8, width, height)
    else:
        file = bytearray(encode_image(small, "jp2", bits=16 if name.endswith("16") else 8))
        if "boxes lie" not in name:
            struct.pack_into(">2I", file, file.index(b"ihdr") + 4, height, width)
        struct.pack_into(">2I", file, file.index(b"\xff\x4f\xff\x51") + 8, width, height)
    return bytes(file)


@pytest.mark.parametrize("allowed", [10**9, None])
@pytest.mark.parametrize(
    "name",
    ["WebP", "WebP, lossless", "WebP, lossy", "AVIF", "JPEG 2000", "JPEG 2000, boxes lie", "JPEG XL"],
)
def test_what_cannot_fit_is_refused_by_its_header(
    monkeypatch: pytest.MonkeyPatch, name: str, allowed: int | None
) -> None:
    """Behind most there are no pixels: whoever decoded them would find a damaged file. AVIF is made larger."""
    monkeypatch.setattr(memory, "free_memory", lambda: 10**9)
    file = claiming(name)
    assert len(file) < 2000
    with pytest.raises(ImageError, match=r"^16000x15000 pixels take [0-9.]+ GB .* (allow|free)"), guard(allowed):
        decode_image(file)


def guard(allowed: int | None, *, sees_whole: bool = False) -> AbstractContextManager[None]:
    footprint = Footprint(16, sees_whole=sees_whole)
    model = SimpleNamespace(memory=allowed, card=SimpleNamespace(footprint=footprint), enlarges=False)
    return memory.within_memory(model)  # type: ignore[arg-type]


@pytest.mark.parametrize("sees_whole", [False, True])
@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "bmp", "ppm", "webp", "jp2", "avif"])
def test_what_a_header_lets_pass_fits(ending: str, sees_whole: bool) -> None:
    """A header asks for no more than what its picture and the work on it take."""
    picture = from_array(RNG.integers(0, 255, (300, 400, 3), dtype=np.uint8))
    file = encode_image(picture, ending)
    tile = 0 if sees_whole else 300 * 400 * 320
    fits = 120_000_000 + 50_000_000 + 2 * 300 * 400 * 3 + tile
    with guard(fits, sees_whole=sees_whole):
        assert decode_image(file).size == (300, 400)
    with pytest.raises(ImageError, match="400x300"), guard(fits - 1, sees_whole=sees_whole):
        decode_image(file)
    assert decode_image(file).size == (300, 400), "nobody guards any more"


@pytest.mark.parametrize("size", [(1000, 1000), (1200, 1300), (2000, 2100), (2890, 2900), (6120, 8160)])
@pytest.mark.parametrize("speed", ["fast", "balanced"])
def test_what_a_header_lets_pass_fits_with_any_small_copy(size: tuple[int, int], speed: str) -> None:
    card = SimpleNamespace(footprint=Footprint(16))
    model = SimpleNamespace(memory=0, card=card, enlarges=True)
    held = 3 * size[0] * size[1]

    def passes(allowed: int) -> bool:
        model.memory = allowed
        try:
            ask_for_room(Room(size, held, held))
        except ImageError:
            return False
        return True

    with memory.within_memory(model):  # type: ignore[arg-type]
        model.memory = bisect_left(range(10**9), True, key=passes)
    look = SimpleNamespace(size=size, extent=size, held_bytes=held)
    for drowned in (0.0, 1.0):
        worked_on = small_size(size, scale_for(size, speed, (drowned,)))
        assert memory.tile_side(model, look, worked_on) == 384  # type: ignore[arg-type]


def test_a_tile_of_a_view_is_that_of_the_whole() -> None:
    from darklift.pipeline.view import View
    from seen import smoothing_of

    codes = np.kron(RNG.integers(2, 5, (13, 17, 3)), np.ones((32, 32, 1))).astype(np.uint8)
    plain = View(from_array(codes), Tile(16, 8, 360, 500))
    view = View(plain.picture, plain.inside, smoothing=smoothing_of(plain))
    assert view.smoothing is not None
    whole = view.of(Tile(0, 0, *view.size))
    for tile in (Tile(0, 0, 1, 1), Tile(100, 37, 200, 301), *view.strips()):
        np.testing.assert_array_equal(view.of(tile), whole[:, *tile.window])
