"""How JPEG files are coded: like the photo's own, and never so that the lift shows what coding lost."""

import io

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from darklift.image import Picture, Source, decode_image, encode_image, from_array, from_pil
from pictures import noise

NAMES = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(noise(24, 40, 3)).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def coding(data: bytes) -> tuple[int, str | None]:
    """The sum of the steps for brightness, and the subsampling, as Pillow finds them."""
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        return sum(image.quantization[0]), NAMES.get(JpegImagePlugin.get_sampling(image))


def steps(quality: int) -> int:
    return coding(jpeg(quality=quality))[0]


@pytest.mark.parametrize("quality", range(20, 101))
def test_quality_is_told_from_the_file(quality: int) -> None:
    assert decode_image(jpeg(quality=quality)).source.quality == quality


@pytest.mark.parametrize("subsampling", NAMES)
def test_colour_is_written_as_finely_as_it_came(subsampling: int) -> None:
    picture = decode_image(jpeg(subsampling=subsampling))
    assert picture.source.subsampling == NAMES[subsampling]
    assert coding(encode_image(picture, "jpg"))[1] == NAMES[subsampling]


@pytest.mark.parametrize(("came", "written"), [(30, 92), (75, 92), (92, 92), (96, 96), (100, 100)])
def test_quality_is_the_photos_own_and_at_least_92(came: int, written: int) -> None:
    picture = decode_image(jpeg(quality=came))
    brighter = picture.with_pixels(np.sqrt(picture.pixels))
    assert coding(encode_image(brighter, "jpg"))[0] == steps(written)


def test_a_photo_on_its_side_keeps_the_colour_that_it_has() -> None:
    """Half the columns of the stored picture are half the rows of the one that is seen, which cannot be written."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_image(jpeg(subsampling=1, exif=exif)).source.subsampling == "4:4:4"
    assert decode_image(jpeg(subsampling=2, exif=exif)).source.subsampling == "4:2:0"


def test_one_channel_and_inks_have_full_colour() -> None:
    for mode in ("L", "CMYK"):
        source = decode_image(jpeg(mode, quality=80)).source
        assert (source.quality, source.subsampling) == (80, "4:4:4")


def test_a_quality_that_is_asked_for_means_full_colour() -> None:
    picture = decode_image(jpeg(quality=60, subsampling=2))
    assert coding(encode_image(picture, "jpg", quality=70)) == (steps(70), "4:4:4")


@pytest.mark.parametrize("container", [None, "PNG", "WebP"])
def test_what_was_no_jpeg_becomes_one_of_95_with_full_colour(container: str | None) -> None:
    picture = from_array(noise(24, 40, 3))
    picture = Picture(picture.pixels, source=Source(container, 8))
    assert coding(encode_image(picture, "jpg")) == (steps(95), "4:4:4")


def test_other_formats_go_by_no_jpegs_quality() -> None:
    picture = decode_image(jpeg(quality=100))
    for container in ("webp", "avif"):
        assert encode_image(picture, container) == encode_image(picture, container, quality=95)


def test_an_image_that_pillow_has_opened_tells_it_too() -> None:
    data = jpeg(quality=85, subsampling=2)
    assert from_pil(Image.open(io.BytesIO(data))).source == decode_image(data).source
