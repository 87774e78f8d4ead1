"""Animations and files of several pages: read as they are seen, written with their times, one picture at a time."""

import io
import os
import struct
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from darklift import (
    ImageError,
    Metadata,
    Picture,
    UsageError,
    decode_frames,
    decode_image,
    encode_frames,
    read_frames,
    read_image,
    write_frames,
)
from darklift.image import check_frames_writable, not_written
from darklift.image.reel import changed_part, whole_milliseconds

TIMES = [100, 250, 40, 1000]
MOVING = ["PNG", "WebP", "AVIF"]


def ball(count: int = 4, size: tuple[int, int] = (36, 50)) -> list[npt.NDArray[np.uint8]]:
    """A bright square that goes through a dark picture."""
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]]
    still = np.stack([20 + rows // 2, 10 + columns // 3, 30 + 0 * rows], axis=2).astype(np.uint8)
    frames = []
    for number in range(count):
        frame = still.copy()
        frame[5:15, 5 + 7 * number : 15 + 7 * number] = (200, 180, 20)
        frames.append(frame)
    return frames


def animation(kind: str, frames: list[npt.NDArray[np.uint8]] | None = None, **options: object) -> bytes:
    first, *others = (Image.fromarray(frame) for frame in frames or ball())
    stream = io.BytesIO()
    times = {"duration": TIMES[: len(others) + 1], "loop": 3} | options
    first.save(stream, kind, save_all=True, append_images=others, **times)
    return stream.getvalue()


def codes(picture: Picture) -> npt.NDArray[np.int64]:
    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha[:, :, None]]
    return np.rint(np.concatenate(planes, axis=2) * 255).astype(int)


def as_pillow_shows(data: bytes) -> Iterator[tuple[npt.NDArray[np.uint8], float]]:
    image = Image.open(io.BytesIO(data))
    for number in range(image.n_frames):
        image.seek(number)
        image.load()
        yield np.asarray(image), image.info["duration"]


class TestReading:
    @pytest.mark.parametrize(("kind", "loops"), [("PNG", 3), ("WEBP", 3), ("AVIF", 0), ("GIF", 3)])
    def test_times_and_repetitions(self, kind: str, loops: int) -> None:
        """GIF counts how often it is played again, and of AVIF, Pillow writes no count."""
        frames = decode_frames(animation(kind))
        assert (len(frames), frames.reel.moving, list(frames.reel.durations)) == (4, True, TIMES)
        assert frames.reel.loops == loops

    def test_a_gif_that_says_nothing_is_played_once(self) -> None:
        assert decode_frames(animation("GIF", loop=None)).reel.loops == 1
        assert decode_frames(animation("GIF", loop=0)).reel.loops == 0

    @pytest.mark.parametrize("kind", ["PNG", "WEBP"])
    def test_each_frame_is_as_it_is_seen(self, kind: str) -> None:
        data = animation(kind, lossless=True)
        for picture, frame in zip(decode_frames(data), ball(), strict=True):
            np.testing.assert_array_equal(codes(picture), frame)
            assert picture.source.lossless == (kind == "WEBP")

    def test_one_of_them_by_its_number_from_one(self, tmp_path: Path) -> None:
        path = tmp_path / "ball.png"
        path.write_bytes(animation("PNG"))
        for number, frame in enumerate(ball(), start=1):
            np.testing.assert_array_equal(codes(read_image(path, frame=number)), frame)
            np.testing.assert_array_equal(codes(read_frames(path).picture(number)), frame)
        with pytest.raises(ImageError, match=r"ball.png: frame 5 .* 4 frames"):
            read_image(path, frame=5)
        with pytest.raises(ImageError, match="4 frames"):
            read_image(path)
        for wrong in (0, -1, True, "2"):
            with pytest.raises(UsageError):
                decode_frames(animation("GIF")).picture(wrong)  # type: ignore[arg-type]

    def test_a_still_picture_is_one_frame(self) -> None:
        frames = decode_frames(animation("PNG", ball(1)))
        assert len(frames) == len(list(frames)) == 1
        assert decode_image(animation("PNG", ball(1)), frame=1).size == (36, 50)
        with pytest.raises(ImageError, match="frame 2"):
            decode_image(animation("PNG", ball(1)), frame=2)

    def test_some_at_even_distances(self) -> None:
        frames = decode_frames(animation("PNG", ball(4)))
        found = [codes(picture) for picture in frames.spread(2)]
        np.testing.assert_array_equal(found, [ball()[0], ball()[3]])
        assert len(list(frames.spread(24))) == 4

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF", "TIFF"])
    def test_cut_short_it_is_refused(self, kind: str) -> None:
        data = animation(kind)
        with pytest.raises(ImageError):
            list(decode_frames(data[: len(data) // 2]))


def apng(header: bytes, parts: list[tuple[tuple[int, ...], bytes]], *, apart: bytes = b"") -> bytes:
    """parts: what each frame's control says after its number, and its raw rows with filter bytes."""
    import zlib

    def chunk(name: bytes, contents: bytes) -> bytes:
        return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))

    made = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"acTL", struct.pack(">2I", len(parts), 1))]
    if apart:
        made.append(chunk(b"IDAT", zlib.compress(apart)))
    number = 0
    for order, (control, rows) in enumerate(parts):
        made.append(chunk(b"fcTL", struct.pack(">5I2H2B", number, *control)))
        number += 1
        if order == 0 and not apart:
            made.append(chunk(b"IDAT", zlib.compress(rows)))
        else:
            made.append(chunk(b"fdAT", struct.pack(">I", number) + zlib.compress(rows)))
            number += 1
    return b"".join(made) + chunk(b"IEND", b"")


class TestAnimatedPng:
    HEADER = struct.pack(">2I5B", 2, 1, 8, 6, 0, 0, 0)

    @pytest.mark.parametrize(
        ("dispose", "blend", "seen"),
        [
            (0, 0, [(0, 200, 0, 128), (0, 0, 255, 255)]),
            (0, 1, [(133, 67, 0, 192), (0, 0, 255, 255)]),  # half green over a quarter less of red
            (1, 1, [(0, 200, 0, 128), (0, 0, 255, 255)]),
        ],
    )
    def test_blending_and_disposal(self, dispose: int, blend: int, seen: list[tuple[int, ...]]) -> None:
        """By the standard's formula, alpha and all: Pillow's is another."""
        below = bytes([0, 200, 0, 0, 128, 0, 0, 255, 255]) if dispose != 1 else bytes([0, 200, 0, 0, 128, 9, 9, 9, 9])
        parts = [((2, 1, 0, 0, 1, 10, dispose, 0), below), ((1, 1, 0, 0, 1, 10, 0, blend), bytes([0, 0, 200, 0, 128]))]
        if dispose == 1:
            parts.append(((1, 1, 1, 0, 1, 10, 0, 0), bytes([0, 0, 0, 255, 255])))
        *_, last = decode_frames(apng(self.HEADER, parts))
        expected = np.array([seen])
        if blend and not dispose:  # a = 128/255: alpha is a + a (1 - a), and colours are weighted by their shares of it
            a = 128 / 255
            alpha = a + a * (1 - a)
            expected[0, 0] = np.rint([200 * a * (1 - a) / alpha, 200 * a / alpha, 0, 255 * alpha])
        np.testing.assert_array_equal(codes(last), expected)

    def test_what_was_there_comes_back(self) -> None:
        red, green = bytes([0, 200, 0, 0, 255, 200, 0, 0, 255]), bytes([0, 0, 200, 0, 255])
        parts = [
            ((2, 1, 0, 0, 1, 10, 0, 0), red),
            ((1, 1, 0, 0, 1, 10, 2, 0), green),
            ((1, 1, 1, 0, 1, 10, 0, 0), green),
        ]
        seen = [codes(picture)[0, :, :3].tolist() for picture in decode_frames(apng(self.HEADER, parts))]
        assert seen == [[[200, 0, 0]] * 2, [[0, 200, 0], [200, 0, 0]], [[200, 0, 0], [0, 200, 0]]]

    def test_a_still_picture_apart_is_no_frame(self) -> None:
        parts = [((2, 1, 0, 0, 1, 10, 0, 0), bytes([0, *[level] * 8])) for level in (50, 60)]
        frames = decode_frames(apng(self.HEADER, parts, apart=bytes([0, *[99] * 8])))
        assert [codes(picture)[0, 0, 0] for picture in frames] == [50, 60]
        assert "still picture" in frames.picture(1).metadata.notes[0]

    def test_sixteen_bits_stay(self) -> None:
        header = struct.pack(">2I5B", 1, 1, 16, 2, 0, 0, 0)
        values = [(1, 40_000, 65_535), (258, 3, 77)]
        parts = [((1, 1, 0, 0, 1, 30, 0, 0), b"\0" + struct.pack(">3H", *value)) for value in values]
        frames = decode_frames(apng(header, parts))
        again = decode_frames(encode_frames(frames, "png", frames))
        for found in (frames, again):
            assert [tuple(np.rint(p.pixels[0, 0] * 65_535).astype(int)) for p in found] == values
            assert found.picture(1).source.bits == 16
            assert found.reel.durations == pytest.approx([1000 / 30] * 2)

    def test_a_frame_outside_of_the_picture_is_refused(self) -> None:
        parts = [((2, 1, 0, 0, 1, 10, 0, 0), bytes(9)), ((1, 1, 2, 0, 1, 10, 0, 0), bytes(5))]
        with pytest.raises(ImageError, match="outside"):
            decode_frames(apng(self.HEADER, parts))

    def test_a_little_file_of_many_huge_frames_is_refused_before_any_is_held(self) -> None:
        header = struct.pack(">2I5B", 20_000, 15_000, 8, 2, 0, 0, 0)
        whole, corner = (20_000, 15_000, 0, 0, 1, 10, 0, 0), (1, 1, 0, 0, 1, 10, 0, 0)
        tracemalloc.start()
        try:
            with pytest.raises(ImageError, match=r"in all|pixels in [0-9]+ bytes"):
                decode_frames(apng(header, [(whole, b""), *[(corner, bytes(4))] * 39]))
            gif = bytearray(animation("GIF", ball(30, (36, 300)), duration=100))
            gif[6:10] = struct.pack("<2H", 60_000, 8_000)
            with pytest.raises(ImageError, match=r"in all|pixels in [0-9]+ bytes"):
                decode_frames(bytes(gif))
            assert tracemalloc.get_traced_memory()[1] < 2**24
        finally:
            tracemalloc.stop()

    def test_turned_by_its_exif(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        frames = decode_frames(animation("PNG", exif=exif))
        for picture, frame in zip(frames, ball(), strict=True):
            np.testing.assert_array_equal(codes(picture), np.rot90(frame, -1))


def test_a_gif_whose_later_frame_lies_outside_is_refused() -> None:
    """Pillow makes the picture larger from there on, and a clip has one size."""
    data = animation("GIF")
    second = data.index(b"\x2c", data.index(b"\x2c") + 200)  # an image descriptor: left, top, width, height
    while (place := struct.unpack_from("<4H", data, second + 1))[2] > 50 or place[3] > 36 or data[second - 1]:
        second = data.index(b"\x2c", second + 1)
    outside = data[: second + 1] + struct.pack("<H", 49) + data[second + 3 :]
    with pytest.raises(ImageError, match="lies outside"):
        decode_frames(outside)


class TestWriting:
    @pytest.mark.parametrize("source", ["PNG", "WEBP", "GIF"])
    @pytest.mark.parametrize("kind", MOVING)
    def test_times_pictures_and_repetitions_come_through(self, source: str, kind: str) -> None:
        frames = decode_frames(animation(source, lossless=True))
        data = encode_frames(frames, kind, frames, lossless=kind == "WebP")
        shown = list(as_pillow_shows(data))
        assert [time for _, time in shown] == TIMES
        worst = 12 if kind == "AVIF" else 0
        for (pixels, _), picture in zip(shown, frames, strict=True):
            assert np.abs(pixels[:, :, :3] - codes(picture)).max() <= worst
        assert decode_frames(data).reel.loops == frames.reel.loops
        if kind != "AVIF":
            assert Image.open(io.BytesIO(data)).info["loop"] == frames.reel.loops

    @pytest.mark.parametrize("kind", ["PNG", "WebP"])
    def test_hidden_pixels_keep_their_colours(self, kind: str) -> None:
        rng = np.random.default_rng(0)
        made = [rng.integers(0, 256, (9, 11, 4), dtype=np.uint8) for _ in range(3)]
        for frame in made:
            frame[:4, :, 3] = 0
        frames = decode_frames(animation("PNG", made))
        data = encode_frames(frames, kind, frames, lossless=kind == "WebP")
        for (pixels, _), frame in zip(as_pillow_shows(data), made, strict=True):
            np.testing.assert_array_equal(pixels, frame)

    def test_a_lossless_webp_stays_lossless(self) -> None:
        frames = decode_frames(animation("WEBP", lossless=True))
        for (pixels, _), frame in zip(as_pillow_shows(encode_frames(frames, "webp", frames)), ball(), strict=True):
            np.testing.assert_array_equal(pixels, frame)
        lossy = decode_frames(encode_frames(frames, "webp", frames, quality=80))
        assert not lossy.picture(1).source.lossless

    @pytest.mark.parametrize("kind", MOVING)
    def test_what_describes_the_photo_stays(self, kind: str) -> None:
        exif = Image.Exif()
        exif[0x010F] = "Maker"
        xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
        frames = decode_frames(animation("PNG"))
        described = Metadata(exif=b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"), xmp=xmp)
        pictures = [replace(picture, metadata=described) for picture in frames]
        again = decode_frames(encode_frames(pictures, kind, frames)).picture(2)
        assert again.metadata.xmp == xmp
        assert again.metadata.exif == described.exif

    def test_equal_frames_are_equal_files(self) -> None:
        frames = decode_frames(animation("PNG"))
        assert encode_frames(frames, "avif", frames) == encode_frames(frames, "avif", frames)

    def test_gray_stays_gray(self) -> None:
        frames = decode_frames(animation("PNG", [frame[:, :, 0] for frame in ball()]))
        assert frames.picture(1).gray
        assert Image.open(io.BytesIO(encode_frames(frames, "png", frames))).mode == "L"

    def test_pictures_are_taken_one_by_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The first frames are in the file before the last one is made."""
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)  # a file without a name cannot be seen
        frames, lengths = decode_frames(animation("PNG")), []

        def made() -> Iterator[Picture]:
            for picture in frames:
                (unfinished,) = [*tmp_path.iterdir()] or [None]
                lengths.append(unfinished is not None)
                yield picture

        write_frames(made(), tmp_path / "out.png", frames)
        assert lengths == [False, True, True, True]

    def test_a_failure_leaves_no_file(self, tmp_path: Path) -> None:
        frames = decode_frames(animation("PNG"))

        def made() -> Iterator[Picture]:
            yield frames.picture(1)
            raise ImageError("no more")

        with pytest.raises(ImageError, match="no more"):
            write_frames(made(), tmp_path / "out.webp", frames)
        assert not [*tmp_path.iterdir()]

    @pytest.mark.parametrize("count", [0, 3, 5])
    def test_another_number_is_refused(self, count: int) -> None:
        frames = decode_frames(animation("PNG"))
        with pytest.raises(UsageError):
            encode_frames([frames.picture(1)] * count, "png", frames)

    def test_frames_of_avif_have_eight_bits(self) -> None:
        header = struct.pack(">2I5B", 1, 1, 16, 2, 0, 0, 0)
        frames = decode_frames(
            apng(header, [((1, 1, 0, 0, 1, 30, 0, 0), bytes([0, *[level] * 6])) for level in (9, 70)])
        )
        first = frames.picture(1)
        assert "AVIF has 8" in not_written(first, "avif", several=True)[0]
        assert decode_frames(encode_frames(frames, "avif", frames)).picture(2).source.bits == 8
        with pytest.raises(UsageError, match="bits"):
            check_frames_writable(first, frames, "avif", bits=12)

    def test_what_holds_one_picture_is_refused_before(self) -> None:
        frames, pages = decode_frames(animation("GIF")), decode_frames(animation("TIFF"))
        for many, kinds in ((frames, ("jpg", "bmp", "ppm", "jp2", "tif")), (pages, ("jpg", "png", "webp"))):
            for kind in kinds:
                with pytest.raises(ImageError, match=f"4 {many.reel.noun}"):
                    check_frames_writable(many.picture(1), many, kind)


class TestPages:
    def pages(self) -> list[Picture]:
        rng = np.random.default_rng(0)
        first = Picture(rng.random((7, 9, 3), np.float32), metadata=Metadata(dpi=(300.0, 150.0)))
        second = Picture(np.repeat(rng.random((5, 4, 1), np.float32), 3, axis=2), gray=True)
        third = Picture(rng.random((6, 6, 3), np.float32), alpha=rng.random((6, 6), np.float32))
        bits = (8, 16, 16)
        return [replace(p, source=replace(p.source, bits=b)) for p, b in zip((first, second, third), bits, strict=True)]

    def frames(self) -> "object":
        return decode_frames(animation("TIFF", ball(3)))

    def test_each_keeps_its_own_size_depth_and_description(self) -> None:
        exif = Image.Exif()
        exif[0x010F] = "Maker"
        exif.get_ifd(0x8769)[0x829A] = 0.5
        first, second, third = self.pages()
        second = replace(second, metadata=Metadata(exif=exif.tobytes()))
        data = encode_frames([first, second, third], "tif", decode_frames(animation("TIFF", ball(3))))
        again = list(decode_frames(data))
        assert [page.source.bits for page in again] == [8, 16, 16]
        assert [page.gray for page in again] == [False, True, False]
        for page, made in zip(again, (first, second, third), strict=True):
            assert np.abs(page.pixels - made.pixels).max() <= 0.51 / (2**page.source.bits - 1)
            assert (page.alpha is None) == (made.alpha is None)
        assert [page.metadata.dpi for page in again] == [(300.0, 150.0), None, None]
        image = Image.open(io.BytesIO(data))
        assert image.n_frames == 3
        assert image.getexif().get(0x010F) is None
        image.seek(1)
        assert (image.getexif()[0x010F], image.getexif().get_ifd(0x8769)[0x829A]) == ("Maker", 0.5)

    def test_a_smaller_copy_is_no_page(self) -> None:
        data = animation("TIFF", ball(2))
        order = data[:2]
        (second,) = struct.unpack_from("<I", data, 4)
        assert order == b"II"
        (entries,) = struct.unpack_from("<H", data, second)
        (second,) = struct.unpack_from("<I", data, second + 2 + 12 * entries)
        assert struct.unpack_from("<2H", data, second + 2)[0] == 256  # of its width, which becomes what kind it is
        reduced = bytearray(data)
        (entries,) = struct.unpack_from("<H", data, second)
        struct.pack_into("<HHII", reduced, second + 2, 254, 4, 1, 1)
        frames = decode_frames(bytes(reduced))
        assert len(frames) == 1
        assert any("smaller copy" in note for note in frames.picture(1).metadata.notes)


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=50))
def test_rounded_times_do_not_drift(durations: list[float]) -> None:
    rounded = whole_milliseconds(durations)
    assert min(rounded) >= 0
    assert np.abs(np.cumsum(rounded) - np.cumsum(durations)).max() <= 0.5 + 1e-6


def test_the_part_that_changed() -> None:
    before = np.zeros((6, 8, 3), np.uint8)
    now = before.copy()
    assert changed_part(None, now) == (0, 0, 6, 8)
    assert changed_part(before, now) == (0, 0, 1, 1)
    now[2, 3, 1] = now[4, 6, 0] = 1
    assert changed_part(before, now) == (2, 3, 3, 4)
