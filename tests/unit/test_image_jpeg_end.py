"""A JPEG that lacks only its end is read with a note; one that lacks more is refused."""

import io
import struct

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from darklift.errors import ImageError
from darklift.image import decode_image, from_pil
from darklift.image.jpeg_layout import layout_of

KINDS: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts within a row": {"restart_marker_blocks": 3},
    "restarts after each row": {"restart_marker_rows": 1},
    "full colour": {"subsampling": 0},
}
MODES = ("RGB", "L", "CMYK")


def jpeg(mode: str = "RGB", height: int = 400, width: int = 56, **options: object) -> bytes:
    y, x = np.mgrid[0:height, 0:width]
    grain = np.random.default_rng(0).integers(0, 40, (height, width, 3))
    values = np.stack([x * 2, y % 180, 120 - x], 2) + grain
    stream = io.BytesIO()
    Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", [b"", b"\xff", bytes(1), bytes(5000)], ids=["none", "half", "zero", "zeros"])
def test_without_its_end_marker_it_is_read_with_a_note(kind: str, mode: str, behind: bytes) -> None:
    whole = jpeg(mode, **KINDS[kind])
    picture = decode_image(whole[:-2] + behind)
    np.testing.assert_array_equal(picture.pixels, decode_image(whole).pixels)
    (note,) = set(picture.metadata.notes) - set(decode_image(whole).metadata.notes)
    assert "end marker" in note
    assert "parts" not in note  # it is told behind "not kept", and all of its parts are
    assert picture.source == decode_image(whole).source


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_one_that_is_cut_is_refused(kind: str, share: float) -> None:
    whole = jpeg(**KINDS[kind])
    with pytest.raises(ImageError):
        decode_image(whole[: int(len(whole) * share)])


@pytest.mark.parametrize("kind", ["baseline", "restarts within a row", "restarts after each row", "full colour"])
@pytest.mark.parametrize("lacks", [20, 60, 100])
def test_how_many_rows_are_missing_is_told(kind: str, lacks: int) -> None:
    """Blocks are 8 or 16 rows high; a row above may differ, too, as colour is told for two rows at once."""
    whole = jpeg(height=1600, **KINDS[kind])
    cut = whole[:-lacks]
    picture, right = decode_image(cut), decode_image(whole)
    (note,) = picture.metadata.notes
    missing = int(note.split("the last ")[1].split()[0])
    different = np.any(picture.pixels != right.pixels, axis=(1, 2))
    assert different.any()
    assert 1600 - int(different.argmax()) <= missing <= 32


@pytest.mark.parametrize("kind", ["baseline", "full colour"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("lacks", [3, 6, 12])
def test_of_a_small_picture_the_last_row_of_units_may_be_missing(lacks: int, mode: str, kind: str) -> None:
    """Two rows of a hundred are less than any unit has, so bytes would decide that make up some of its blocks."""
    whole = jpeg(mode, height=214, width=320, **KINDS[kind])
    picture, right = decode_image(whole[:-lacks]), decode_image(whole)
    (note,) = picture.metadata.notes
    missing = int(note.split("the last ")[1].split()[0]) if "made up" in note else 0
    assert missing <= 17
    np.testing.assert_array_equal(picture.pixels[: 214 - missing], right.pixels[: 214 - missing])


def test_of_a_tiny_one_it_may_not() -> None:
    """There, a row of units is a good part of the picture."""
    whole = jpeg(height=64, width=320)
    with pytest.raises(ImageError, match="of its 64 rows"):
        decode_image(whole[:-8])


@pytest.mark.parametrize("kind", ["baseline", "restarts within a row", "restarts after each row"])
def test_no_cut_passes_for_the_whole(kind: str) -> None:
    """Wherever the file ends: what is not there is noted, or the file is refused."""
    whole = jpeg(height=1600, width=24, **KINDS[kind])
    right = decode_image(whole).pixels
    for length in range(len(whole) - 400, len(whole) - 2, 3):
        try:
            picture = decode_image(whole[:length])
        except ImageError:
            continue
        if "end marker" in picture.metadata.notes[0]:
            np.testing.assert_array_equal(picture.pixels, right)


def test_zeros_do_not_pass_for_a_picture() -> None:
    whole = jpeg()
    with pytest.raises(ImageError, match="rows"):
        decode_image(whole[: len(whole) // 2] + bytes(len(whole)))


def test_a_progressive_file_whose_finer_scans_are_to_come_is_refused() -> None:
    whole = jpeg(progressive=True)
    starts = [at for at in range(len(whole) - 1) if whole[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 5
    for start in starts[1:]:
        with pytest.raises(ImageError):
            decode_image(whole[:start])


def test_a_little_file_of_an_absurd_size_is_refused_before_anything_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = bytearray(jpeg()[:-2])
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">2H", 22_000, 22_000)
    monkeypatch.setattr(JpegImageFile, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="complete"):
        decode_image(bytes(data))


def test_a_damaged_file_with_an_end_is_no_business_of_this() -> None:
    assert not layout_of(jpeg()).ends_within_scan
    assert layout_of(jpeg()[:-2]).ends_within_scan
    assert layout_of(jpeg(progressive=True)).is_told()


def test_an_image_that_pillow_has_opened_is_mended_too() -> None:
    cut = jpeg()[:-2]
    assert from_pil(Image.open(io.BytesIO(cut))).metadata == decode_image(cut).metadata
