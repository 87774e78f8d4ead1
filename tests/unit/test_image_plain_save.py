"""What comes back as a Pillow image, saved in Pillow's plain way: what Pillow can keep stays, and nothing breaks."""

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from darklift.image import Metadata, Picture, decode_image, from_array, from_pil, to_pil
from pictures import noise

CONTAINERS = ["JPEG", "PNG", "TIFF", "WebP", "AVIF"]
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def phone_exif() -> bytes:
    """With sizes in the first directory, as some phones write them, exposure and GPS."""
    exif = Image.Exif()
    exif[0x0100], exif[0x0101], exif[0x0111], exif[0x0117] = 96, 64, 8, 18432
    exif[0x010F], exif[0x0112] = "Maker", 6
    exif[0x8769] = {0x829A: 0.01, 0x927C: b"maker note"}
    exif[0x8825] = {1: "N"}
    return exif.tobytes()


def returned() -> Image.Image:
    """A picture that was stored 8 wide and 6 high, on its side."""
    stream = io.BytesIO()
    Image.fromarray(noise(6, 8, 3)).save(
        stream, "JPEG", exif=phone_exif(), icc_profile=PROFILE, dpi=(300, 150), xmp=b"<x/>", comment=b"by night"
    )
    return to_pil(from_pil(Image.open(stream)))


@pytest.mark.parametrize("container", CONTAINERS)
def test_nothing_is_garbled_and_what_pillow_can_keep_is_kept(container: str) -> None:
    image = returned()
    assert image.size == (6, 8)
    stream = io.BytesIO()
    image.save(stream, container, **image.info)
    found = Image.open(stream)
    found.load()
    assert found.size == (6, 8)
    if container in ("PNG", "TIFF"):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(image))
    exif = found.getexif()
    assert exif[0x010F] == "Maker"
    assert exif.get(0x0112, 1) == 1
    assert exif.get_ifd(0x8769)[0x829A] == pytest.approx(0.01)
    assert exif.get_ifd(0x8825)[1] == "N"
    assert found.info["icc_profile"] == PROFILE
    if container in ("JPEG", "PNG", "TIFF"):
        assert found.info["dpi"] == pytest.approx((150, 300), abs=0.02)
    if container in ("JPEG", "WebP", "AVIF"):
        assert found.info["xmp"] == b"<x/>"
    if container == "JPEG":
        assert found.info["comment"] == b"by night"


def test_a_plain_save_without_a_word_garbles_nothing_either() -> None:
    for container in CONTAINERS:
        stream = io.BytesIO()
        returned().save(stream, container)
        assert Image.open(stream).size == (6, 8)


def test_one_image_can_be_saved_in_one_format_after_the_other() -> None:
    image = returned()
    before = dict(image.info)
    for container in ("AVIF", "TIFF", "JPEG"):
        stream = io.BytesIO()
        image.save(stream, container, **image.info)
    assert image.info == before
    assert Image.open(stream).getexif()[0x0112] == 1


def test_an_image_gives_all_of_it_back() -> None:
    metadata = Metadata(
        exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0",
        icc_profile=PROFILE,
        dpi=(300.0, 150.0),
        xmp=b"<x/>",
        iptc=b"\x1c\2\x78\0\1a",
        comments=(b"by night",),
    )
    picture = Picture(from_array(noise(6, 8, 3)).pixels, metadata=metadata)
    assert from_pil(to_pil(picture)).metadata == metadata
    assert to_pil(Picture(picture.pixels)).info == {}


def test_colours_told_by_chunks_and_texts_go_along() -> None:
    chunks = ((b"cICP", b"\x0c\x0d\0\1"), (b"tEXt", b"Title\0Night"))
    picture = Picture(from_array(noise(6, 8, 3)).pixels, metadata=Metadata(png_chunks=chunks))
    info = to_pil(picture).info
    assert "Display P3" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(info["icc_profile"])))
    assert b"Night" in info["xmp"]
    assert from_pil(to_pil(picture)).source.colour_space == "Display P3"


def test_a_thumbnail_goes_along() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    picture = Picture(from_array(noise(20, 30, 3)).pixels, metadata=Metadata(exif=exif.tobytes(), thumbnail=True))
    block = to_pil(picture).info["exif"]
    assert struct.pack(">H", 0xFFD8) in block
    again = from_pil(to_pil(picture))
    assert again.metadata.thumbnail
    assert again.metadata.exif == exif.tobytes()
    stream = io.BytesIO()
    image = to_pil(replace(picture, metadata=replace(picture.metadata, exif=exif.tobytes())))
    image.save(stream, "TIFF", **image.info)
    assert decode_image(stream.getvalue()).size == (20, 30)
