"""JPEG 2000 files: without loss, with their metadata, and never deeper than what is read of them."""

import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from darklift.errors import ImageError
from darklift.image import Metadata, Picture, decode_image, encode_image, from_array, from_pil
from darklift.image.boxes import children
from darklift.image.formats import format_of
from pictures import noise

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def exif_block(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x0112] = orientation
    return exif.tobytes()


def boxes(data: bytes) -> dict[bytes, bytes]:
    return {kind: data[start:end] for kind, start, end in children(data)}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@settings(max_examples=15, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70))
def test_nothing_is_lost_at_any_size(channels: int, height: int, width: int) -> None:
    picture = from_array(noise(height, width, channels if channels != 2 else 4))
    if channels == 2:
        picture = replace(picture, gray=True, pixels=np.repeat(picture.pixels[:, :, :1], 3, 2).copy())
    back = decode_image(encode_image(picture, "jp2"))
    np.testing.assert_array_equal(back.pixels, picture.pixels)
    assert back.gray == picture.gray
    assert (back.alpha is None) == (picture.alpha is None)
    if picture.alpha is not None:
        np.testing.assert_array_equal(back.alpha, picture.alpha)


def test_metadata_stand_in_their_boxes() -> None:
    metadata = Metadata(exif=exif_block(), icc_profile=PROFILE, xmp=b"<x/>", dpi=(300.0, 72.0))
    data = encode_image(Picture(from_array(noise(9, 8, 3)).pixels, metadata=metadata), "jp2")
    back = decode_image(data).metadata
    assert (back.xmp, back.icc_profile) == (b"<x/>", PROFILE)
    assert back.dpi == pytest.approx((300, 72), abs=0.01)
    assert back.exif is not None
    assert back.exif.endswith(exif_block()[6:])
    assert b"JpgTiffExif->JP2II*\0" in data or b"JpgTiffExif->JP2MM\0*" in data
    header = boxes(data)[b"jp2h"]
    assert b"colr\2\0\0" + PROFILE in header
    with Image.open(io.BytesIO(data)) as seen:
        assert seen.info["dpi"] == pytest.approx((300, 72), abs=0.01)
    plain = boxes(encode_image(from_array(noise(9, 8, 3)), "jp2"))[b"jp2h"]
    assert b"colr\1\0\0\0\0\0\x10" in plain  # sRGB


@pytest.mark.parametrize("dpi", [(0.6, 65535.0), (72.009, 299.9994), (1.0, 1200.0)])
def test_any_resolution_fits(dpi: tuple[float, float]) -> None:
    picture = Picture(from_array(noise(2, 2, 3)).pixels, metadata=Metadata(dpi=dpi))
    assert decode_image(encode_image(picture, "jp2")).metadata.dpi == pytest.approx(dpi, rel=1e-3)


def test_files_of_other_programs_are_read() -> None:
    values = noise(20, 30, 3)
    for options in ({"no_jp2": False}, {"no_jp2": True}):
        stream = io.BytesIO()
        Image.fromarray(values).save(stream, "JPEG2000", **options)
        kind = format_of(stream.getvalue())
        assert kind is not None
        assert kind.name == "JPEG2000"
        picture = decode_image(stream.getvalue())
        np.testing.assert_array_equal((picture.pixels * 255).round(), values)
        np.testing.assert_array_equal(from_pil(Image.open(stream)).pixels, picture.pixels)


def test_samples_with_a_sign_are_refused() -> None:
    data = bytearray(encode_image(from_array(noise(20, 30, 3)), "jp2"))
    data[data.index(b"\xff\x4f\xff\x51") + 42] = 0x87
    with pytest.raises(ImageError, match="sign"):
        decode_image(bytes(data))


@pytest.mark.parametrize("cut", [5, 13, 60, 100, 200, -40])
def test_a_cut_file_is_one_line(cut: int) -> None:
    data = encode_image(from_array(noise(40, 40, 3)), "jp2")
    with pytest.raises(ImageError) as caught:
        decode_image(data[:cut])
    assert "\n" not in str(caught.value)


def test_another_library_reads_the_same() -> None:
    imagecodecs = pytest.importorskip("imagecodecs", reason="a second decoder of JPEG 2000: pip install imagecodecs")
    for channels in (3, 4):
        values = noise(33, 45, channels)
        np.testing.assert_array_equal(imagecodecs.jpeg2k_decode(encode_image(from_array(values), "jp2")), values)
